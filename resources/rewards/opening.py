"""Rewards by the names that people give them."""

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from resources.config.located_yaml import SettingsError
from resources.rewards.auditing import Reward
from resources.rewards.endpoint import RewardEndpoint
from resources.rewards.function import RewardFunction


@contextmanager
def opened(reference: str, *, style: str, timeout_s: float, network: bool) -> Generator[Reward]:
    """The reward that is meant: FILE.py:FUNCTION, an address, or the folder of a sequence classifier. A function has
    its process while the context lasts. SettingsError where the name is of none of these."""
    if "://" in reference:
        yield RewardEndpoint(reference, timeout_s=timeout_s)
        return
    if Path(reference).is_dir():
        from resources.rewards.classifier import RewardClassifier  # transformers takes seconds to import

        yield RewardClassifier(Path(reference))
        return
    path, _, name = reference.rpartition(":")
    if not path or not name.isidentifier():
        raise SettingsError(
            f"{reference!r} names no reward; give FILE.py:FUNCTION, an http(s) address, the folder of a sequence "
            "classifier, FILE.parquet:COLUMN, or preferences"
        )
    with RewardFunction(Path(path), name, style=style, timeout_s=timeout_s, network=network) as function:
        yield function
