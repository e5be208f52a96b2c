"""A reward behind an address: one POST of JSON a batch.

Sent are `prompts` (lists of messages), `completions`, `ground_truth`, `data_source` and `images` (lists of PNG files in
base64), a list item a completion; answered is `{"rewards": [...]}`, a number or null each.
"""

import base64
import json
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from resources.config.located_yaml import SettingsError
from resources.rewards.function import RewardError, RewardFailureError

_LONGEST_REPLY = 16 << 20


class RewardEndpoint:
    """A reward that is asked over HTTP. SettingsError where the address is none of HTTP's."""

    def __init__(self, url: str, *, timeout_s: float = 60.0) -> None:
        if not url.startswith(("http://", "https://")):
            raise SettingsError(f"{url!r} is no address; give one that starts with http:// or https://")
        self._url, self._timeout_s = url, timeout_s

    def rewards(self, rows: Sequence[Mapping[str, Any]]) -> list[float | None]:
        """As `Reward.rewards`. RewardFailureError where the endpoint refuses a batch or answers something else;
        RewardError where it cannot be reached."""
        body = {
            "prompts": [row["prompt"] for row in rows],
            "completions": [row["completion"] for row in rows],
            "ground_truth": [row["ground_truth"] for row in rows],
            "data_source": [row["data_source"] for row in rows],
            "images": [[_encoded(path) for path in row["images"]] for row in rows],
        }
        headers = {"Content-Type": "application/json"}
        asked = urllib.request.Request(self._url, json.dumps(body).encode(), headers)  # noqa: S310 (checked above)
        try:
            with urllib.request.urlopen(asked, timeout=self._timeout_s) as reply:  # noqa: S310
                return _rewards(reply.read(_LONGEST_REPLY), len(rows))
        except urllib.error.HTTPError as error:
            raise RewardFailureError(f"{error.code} {error.reason}") from None
        except OSError as error:
            reason = getattr(error, "reason", None) or error
            raise RewardError(
                f"{self._url} does not answer ({reason}); is it running, and reachable from here?"
            ) from None


@lru_cache(maxsize=256)
def _encoded(path: str) -> str:
    return base64.b64encode(Path(path).read_bytes()).decode()


def _rewards(reply: bytes, count: int) -> list[float | None]:
    try:
        rewards = json.loads(reply)["rewards"]
        numbers = [None if reward is None else float(reward) for reward in rewards]
    except (ValueError, KeyError, TypeError):
        raise RewardFailureError(f"answered {reply[:80]!r}, not {{'rewards': [...]}}") from None
    if len(numbers) != count:
        raise RewardFailureError(f"answered {len(numbers)} rewards for {count} completions")
    return numbers
