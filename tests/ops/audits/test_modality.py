"""The modality audit: what is counted, and with whose tokens."""

from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace

from ops.audits.modality import AUDIT, ModalitySettings
from ops.text.tokens import rough_tokens
from tests.support.samples import sample_examples, sample_inputs

INPUTS = sample_inputs(sample_examples())


def test_rough_tokens() -> None:
    texts = ["A dog, it's big.", "猫です", "snake_case 3.5", "", "日本 abc\u3000d"]
    assert rough_tokens(pa.array(texts)).tolist() == [8, 3, 4, 0, 4]


def test_what_is_counted() -> None:
    rows = {
        row["example_id"]: row for row in AUDIT.measure(INPUTS, replace(AUDIT.settings, image_tokens=10)).to_pylist()
    }
    named = {e["source_id"]: rows[e["example_id"]] for e in INPUTS.examples.to_pylist()}
    counts = {name: [named[name][c] for c in AUDIT.columns.names] for name in ("row-2", "row-17", "row-18", "row-22")}
    assert counts == {
        "row-2": ["visual", 3, 3, 1, 10],  # yes, a colour, yes
        "row-17": ["visual", 1, 2, 1, 10],
        "row-18": ["text", 1, 1, 0, 0],
        "row-22": ["visual", 2, 2, 1, 10],  # both candidates of a preference
    }


def test_a_tokenizer_counts_and_enters_the_identity(tmp_path: Path) -> None:
    """Whole words become letters: the vocabulary has none, and the splitter makes one token a word."""
    tokenizer = Tokenizer(WordLevel({"?": 0}, "?"))
    tokenizer.pre_tokenizer = Whitespace()
    path = tmp_path / "tokenizer.json"
    tokenizer.save(str(path))
    chosen = ModalitySettings(tokenizer=str(tmp_path))
    tokens = AUDIT.measure(INPUTS, chosen)["loss_tokens"].to_pylist()
    unlearned, space = ("user", "ground_truth", "rollout"), {"text": " "}
    texts = [
        "".join(p["text"] or "" for m in e["messages"] if m["role"] not in unlearned for p in [*m["parts"], space])
        for e in INPUTS.examples.to_pylist()
    ]
    assert tokens == [len(tokenizer.encode(text).ids) for text in texts]
    before = AUDIT.identity(chosen)
    tokenizer.pre_tokenizer = None
    tokenizer.save(str(path))
    assert AUDIT.identity(ModalitySettings(tokenizer=str(tmp_path))) != before


def test_a_missing_or_broken_tokenizer_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no such file"):
        ModalitySettings(tokenizer=str(tmp_path / "none.json"))
    broken = tmp_path / "tokenizer.json"
    broken.write_text("{}")
    with pytest.raises(ValueError, match="not a file of the `tokenizers` library"):
        ModalitySettings(tokenizer=str(broken))
