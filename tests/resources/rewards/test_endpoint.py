"""A reward behind an address: a real server on loopback."""

import base64
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from PIL import Image

from resources.config.located_yaml import SettingsError
from resources.rewards.endpoint import RewardEndpoint
from resources.rewards.function import RewardError, RewardFailureError

ROW = {"prompt": [], "question": "q", "completion": "four", "ground_truth": "t", "images": [], "data_source": "s"}


class Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        replies = {
            "/length": {"rewards": [len(text) for text in asked["completions"]]},
            "/pixels": {"rewards": [len(base64.b64decode(shown[0])) if shown else None for shown in asked["images"]]},
            "/short": {"rewards": []},
            "/words": {"scores": [1]},
        }
        self.send_response(500 if self.path == "/broken" else 200)
        self.end_headers()
        self.wfile.write(json.dumps(replies.get(self.path)).encode())

    def log_request(self, code: object = "-", size: object = "-") -> None:
        """Nothing: pytest's output is for the tests."""


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as serving:
        threading.Thread(target=serving.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{serving.server_port}"
        serving.shutdown()


def test_a_batch_is_asked_at_once(server: str) -> None:
    assert RewardEndpoint(f"{server}/length").rewards([ROW, {**ROW, "completion": "a"}]) == [4.0, 1.0]


def test_pictures_are_sent_whole(server: str, tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    Image.new("RGB", (8, 8)).save(path)
    rewards = RewardEndpoint(f"{server}/pixels").rewards([{**ROW, "images": [str(path)]}, ROW])
    assert rewards == [float(path.stat().st_size), None]


@pytest.mark.parametrize(("path", "says"), [("broken", "500"), ("short", "0 rewards for 1"), ("words", "rewards")])
def test_an_answer_that_is_none_is_the_batch_s_failure(server: str, path: str, says: str) -> None:
    with pytest.raises(RewardFailureError, match=says):
        RewardEndpoint(f"{server}/{path}").rewards([ROW])


def test_where_nobody_answers_the_address_is_named() -> None:
    with pytest.raises(RewardError, match=r"http://127\.0\.0\.1:9/x does not answer"):
        RewardEndpoint("http://127.0.0.1:9/x", timeout_s=2).rewards([ROW])


def test_a_file_is_no_address() -> None:
    with pytest.raises(SettingsError, match="http://"):
        RewardEndpoint("file:///etc/passwd")
