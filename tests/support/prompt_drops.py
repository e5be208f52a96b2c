"""A drop of RL prompts in every format, and a lake that has published it."""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from ops.audits.registry import all_audits
from ops.core.schemas import EXAMPLES
from ops.decision.policy import Policy
from ops.evidence.inputs import RowInputs
from ops.intake.rows import IngestSettings
from resources.engines.progress import SilentProgress
from resources.intake.ingest import ingest
from resources.lake.tables import Lake
from tests.support.exported import publish_version
from tests.support.layouts import picture
from tests.support.versions import NOTHING

MEASURED = ("difficulty", "pass_rate")


def user(text: str) -> dict[str, Any]:
    return {"role": "user", "content": text}


def prompt_rows() -> dict[str, list[dict[str, Any]]]:
    """Rows by file: pictures and none, several turns, a system prompt, truths that are numbers and lists, no truth, a
    literal placeholder, rollouts, other columns."""
    about = {"data_source": "zoo", "ability": "counting", "reward_model": {"style": "rule", "ground_truth": "3"}}
    verl = [
        {**about, "id": "one", "prompt": [user("<image>How many?")], "images": ["images/0.png"]},
        {**about, "id": "two", "prompt": [user("<image><image>Which?")], "images": ["images/1.png", "images/2.png"]},
        {**about, "id": "text", "prompt": [{"role": "system", "content": "Be brief."}, user("1 + 2?")], "images": []},
        {**about, "id": "turns", "prompt": [user("Hi"), {"role": "assistant", "content": "Hello"}, user("1 + 2?")]},
    ]
    verl[0] |= {"responses": ["3", "4"], "rewards": [1.0, 0.0], "extra_info": {"index": 7, "split": "train"}}
    asked = "<image>Is <video> a tag, and <audio>?"
    verl.append({**about, "id": "media", "prompt": [user(asked)], "images": ["images/3.png"]})
    truths = [{**row, "id": f"json-{n}"} for n, row in enumerate(verl[:2])]
    truths[0]["rewards"] = [0.0, 0.0]
    truths[0]["reward_model"] = {"style": "rule", "ground_truth": [1, 2, 3, 4]}
    truths[1]["reward_model"] = {"style": "rule", "ground_truth": 3.5}
    swift = [
        {"id": "swift", "messages": [user("<image>Where?")], "images": ["images/0.png"], "solution": "here"},
        {"id": "literal", "messages": [user("What does\n<image>\nmean?")], "images": [], "solution": "a tag"},
    ]
    swift[1]["messages"] = [{"role": "user", "content": [{"type": "text", "text": "What is <image>?"}]}]
    return {
        "verl.jsonl": verl,
        "truths.jsonl": truths,
        "easyr1.jsonl": [{"id": "easy", "problem": "<image>Find x.", "answer": "12", "images": ["images/3.png"]}],
        "swift.jsonl": swift,
        "trl.jsonl": [
            {"id": "trl", "prompt": [user("Find y.")], "solution": "$y$", "image": "images/1.png", "level": 2}
        ],
        "open.jsonl": [{"id": "open", "prompt": "Write a poem."}],
    }


def write_prompts(folder: Path) -> None:
    (folder / "images").mkdir(parents=True)
    for number in range(4):
        (folder / "images" / f"{number}.png").write_bytes(picture(number, "PNG"))
    for name, rows in prompt_rows().items():
        (folder / name).write_text("\n".join(map(json.dumps, rows)), "utf-8")
    (folder / "drop.yaml").write_text("format: {open.jsonl: trl_grpo}\n", "utf-8")
    row = {"prompt": [user("<image>Tables?")], "reward_model": {"style": "rule", "ground_truth": "yes"}, "id": "table"}
    columns = {"images": [{"bytes": picture(2), "path": "x.jpg"}], "data_source": "tables", "responses": ["no", "yes"]}
    pq.write_table(pa.Table.from_pylist([{**row, **columns, "rewards": [0.0, 1.0]}]), folder / "table.parquet")


def publish_prompts(root: Path, *, beside: Path | None = None) -> Lake:
    """A lake whose version 1 holds the prompts, and all examples of the drop at `beside`."""
    write_prompts(root / "prompts")
    lake = Lake(root / "lake")
    deliveries: list[str] = []
    for name, folder in (("prompts", root / "prompts"), *((("beside", beside),) if beside else ())):
        taken = ingest(lake, folder, name, settings=IngestSettings(), progress=SilentProgress())
        assert taken.rows_quarantined == 0
        deliveries.append(taken.delivery)
        examples = lake.read(EXAMPLES, where={"delivery": taken.delivery})
        inputs = RowInputs(examples, NOTHING, NOTHING, NOTHING, NOTHING)
        for audit in (all_audits()[one] for one in MEASURED):
            measured = audit.measure(inputs, audit.settings).to_pylist()
            filled = pa.Table.from_pylist([{**row, "identity": "d0"} for row in measured], schema=audit.table.schema)
            partition = {"delivery": taken.delivery, "identity": "d0"}
            lake.write(audit.table, filled, partition=partition, once=f"measured {name}")
    publish_version(lake, deliveries, Policy(), MEASURED)
    return lake
