"""A delivery measured in many parts is measured as it would be all at once."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from ops.audits.contract import KEYS, Audit
from ops.core.identity import text_id
from ops.core.schemas import EXAMPLES
from ops.evidence.bank import choose_bank
from ops.evidence.inputs import RowInputs
from ops.text.image_turns import statement_texts
from resources.config.settings import Settings, load_settings
from resources.engines.progress import SilentProgress
from resources.lake import files as lake_files
from resources.lake.tables import Lake
from resources.measuring import delivery as delivery_module
from resources.measuring import gathering
from resources.measuring.delivery import measure_delivery
from resources.measuring.recorded import row_audits
from tests.support.samples import sample_boxes, sample_examples, sample_inputs, speaking
from tests.support.stored_delivery import stored

BANK = 8
# What looks for phrases in pictures would start an encoder for them.
AUDITS = [audit for audit in row_audits() if audit.phrases is None and audit.box_phrases is None]


def of_three_files(examples: pa.Table) -> pa.Table:
    """The samples as rows of three files, one of which has most."""
    places = [{"file": f"{max(at % 7 - 4, 0)}.jsonl", "row": at} for at in range(examples.num_rows)]
    at = examples.schema.get_field_index("provenance")
    return examples.set_column(at, "provenance", pa.array(places, examples.schema.field("provenance").type))


def at_once(inputs: RowInputs) -> RowInputs:
    """With the delivery's own bank."""
    statements = inputs.texts.among({text_id(text) for text in statement_texts(inputs.examples)})
    banks = {"bank_images": choose_bank(inputs.images, BANK), "bank_texts": choose_bank(statements, BANK)}
    return replace(inputs, **banks)


def sorted_rows(rows: pa.Table, audit: Audit) -> list[dict[str, Any]]:
    return rows.select(audit.schema.names).sort_by([(key, "ascending") for key in KEYS[audit.grain].names]).to_pylist()


@pytest.mark.full
@pytest.mark.usefixtures("ray_session")
def test_many_parts_are_measured_as_the_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    inputs = sample_inputs(of_three_files(sample_examples()))
    inputs = replace(inputs, boxes=sample_boxes(inputs.examples))
    monkeypatch.setattr(lake_files, "ROW_GROUP_ROWS", 4)
    lake, delivery = stored(tmp_path, inputs)
    monkeypatch.setattr(delivery_module, "_PART_ROWS", 5)
    monkeypatch.setattr(delivery_module, "_FILE_ROWS", 6)
    monkeypatch.setattr(gathering, "_RANGE_ROWS", 9)
    settings = spoken(load_settings())
    names = [audit.name for audit in AUDITS]
    # No encoder has the sample's vectors, so that none can embed what canaries say.
    counts = measure_delivery(
        lake, delivery, names=names, settings=settings, encoder="sample", canaries=False, progress=SilentProgress()
    )
    whole = at_once(inputs)
    for audit in AUDITS:
        expected = sorted_rows(audit.measure(whole, settings.audit(audit.name)), audit)
        measured = sorted_rows(lake.read(audit.table), audit)
        assert counts[audit.name] == len(measured) == len(expected), audit.name
        for row, wanted in zip(measured, expected, strict=True):
            assert {name: approximately(value) for name, value in wanted.items()} == row, audit.name


def spoken(settings: Settings) -> Settings:
    chosen = {audit.name: speaking(audit) for audit in AUDITS if settings.audit(audit.name) is not None}
    embedding = replace(settings.embedding, bank_size=BANK)
    return replace(settings, embedding=embedding, audits={**settings.audits, **chosen})


def approximately(value: Any) -> Any:
    """The last bits of sums depend on how many are summed beside them."""
    return pytest.approx(value, abs=1e-5, nan_ok=True) if isinstance(value, float | np.floating) else value


@pytest.mark.usefixtures("ray_session")
def test_a_delivery_without_rows_has_no_measures_and_is_measured(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    lake.write(EXAMPLES, EXAMPLES.schema.empty_table(), partition={"delivery": "none"}, once="none")
    names = [audit.name for audit in AUDITS if audit.name != "preflight"]
    words: dict[str, Any] = {"settings": load_settings(), "encoder": "sample", "progress": SilentProgress()}
    assert measure_delivery(lake, "none", names=names, **words) == dict.fromkeys(names, 0)
    assert measure_delivery(lake, "none", names=names, **words) == {}
