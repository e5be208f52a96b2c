"""The page of a version: its figures, and that nothing of the data can act in it."""

import io
import re
from dataclasses import replace
from datetime import UTC, datetime
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from ops.canaries.outcome import CanaryOutcome
from ops.core.hashing import distinct, key_hashes
from ops.core.schemas import EXAMPLES, QUARANTINE
from ops.core.version_schemas import CURRICULUM, VERDICTS
from ops.decision.rule_worth import Caught, RuleWorth
from ops.report.audit_data import AuditFigures, Histogram, Picture, Reason, RuleFigures, ShownExample, Threshold, Turn
from ops.report.canary_data import CanaryRow, ChanceRow
from ops.report.charts import histogram
from ops.report.counting import count_quarantine, count_stages, count_verdicts, visual_keys
from ops.report.data import (
    CostRow,
    DropFlow,
    FileFlow,
    ForecastRow,
    GateCheck,
    GateFigures,
    MixFigures,
    MixPoint,
    ModalityRow,
    Quarantined,
    RateRow,
    ReportData,
    Stage,
)
from ops.report.histograms import BINS, drawable, first_drawn, histograms
from ops.report.model_data import CheckpointRow, RewardRow
from ops.report.page import render
from ops.report.thumbnails import SIDE_PX, thumbnail
from ops.report.words import number, percent

EVIL = "</style></pre><script>alert('1')</script><img src=x onerror=alert(2)>\"'{{ 7*7 }}\u202e\x07"
WHEN = datetime(2026, 11, 23, tzinfo=UTC)
VOID = {"meta", "img", "br"}


def jpeg(mode: str = "RGB", size: tuple[int, int] = (600, 300), kind: str = "PNG", **save: Any) -> bytes:
    out = io.BytesIO()
    Image.new(mode, size).save(out, kind, **save)
    return out.getvalue()


def report(text: str = "plain") -> ReportData:
    """A report in which every text is the given one."""
    mark = Threshold(text, text, "drop", ">=", 1.0, alone=True, labels=(text,))
    drawn = Histogram(text, (3, 1), 2, edges=(0.0, 1.0, 2.0), thresholds=(mark,))
    named = Histogram(text, (3, 1), 0, labels=(text, "b"), thresholds=(mark,))
    example = ShownExample(
        example_id=text,
        source_id=text,
        drop=text,
        dataset=text,
        kind="sft",
        action="drop",
        weight=0.0,
        pictures=(thumbnail(jpeg(), 600, 300), Picture(b"", 9, 9)),
        more_pictures=1,
        turns=(Turn("user", text), Turn("assistant", text, 0)),
        more_turns=2,
        reasons=(Reason(text, text, 0, text, text, text),),
        more_reasons=3,
        measures={text: (text,)},
    )
    check = GateCheck(text, text, text, text, success=False)
    return ReportData(
        version=3,
        state="published",
        current=True,
        at=datetime(2026, 11, 23, tzinfo=UTC),
        parent=2,
        policy=text,
        encoder=text,
        code=text,
        content=text,
        drops=(DropFlow(text, text, text, (FileFlow(text, 9, 7, 2, {text: 2}),), {"keep": 5, "drop": 2}),),
        quarantined={text: (Quarantined(text, text, 4, text, text),)},
        datasets={text: {"keep": 5, "drop": 2}},
        modality=(ModalityRow(text, WHEN, text, text, text, 1, 2, 3, 4, 5),),
        mix=MixFigures(text, 0.5, 0.7, 0.51, 2.0, 0.9, (MixPoint(0.5, 0.6, 0.9, 2.0),)),
        contradictions=(RateRow(text, text, text, 10, 2, 0.05, 0.51),),
        audits=(AuditFigures(text, text, text, text, 4, 4, 1, True, text, (drawn, named), (text,)),),
        rules=(
            RuleFigures(text, text, text, "drop", text, 2, (example,), 0.31),
            RuleFigures("no", "a", "b", "keep", "c", 0),
        ),
        gates=(GateFigures(text, text, False, (text,), (check,)),),
        stages=(Stage(0, 5, 3, (0.1, 0.2, 0.3), {text: 5}),),
        advice={text: text},
        forecasts=(ForecastRow(text, text, text, text, 3, 2, text),),
        costs=(CostRow(text, 2, 1.5, 3.0, 100, 5, 6, 0.5),),
        rewards=(RewardRow("2026-01-01", text, text, 10, 5, (text,)),),
        worths=(RuleWorth(text, text, "drop", 900, 900, 0, {"keep": 9}, 909, Caught(9, 3, 1), Caught()),),
        canaries=(CanaryRow(text, CanaryOutcome(text, "any", 100, 90, 0.82, 0.95, 2000, 7, 0.002, 0.007)),),
        chances=(
            ChanceRow(text, text, (text,), 100, 2000, 0.05, 0.03, 0.07, "", 85),
            ChanceRow(text, text, (text,), 0, 120, 0.05, 0.03, 0.07, "", 0, text),
            ChanceRow(text, text, (text,), 3, 2000, np.nan, np.nan, np.nan, text, 0),
        ),
        checkpoints=(CheckpointRow(text, text, text, text, 0.5, None, 0.25, (text,), (text,)),),
    )


class Tags(HTMLParser):
    """The tags, attributes and text of a page; complains where a tag is closed that is not open."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


def test_hostile_text_stays_text():
    page = render(report(EVIL))
    tags = Tags(page)
    assert tags.open == []
    names = {tag for tag, _ in tags.tags}
    assert names.isdisjoint({"script", "iframe", "object", "embed", "form", "link", "base"})
    assert not [name for _, attributes in tags.tags for name in attributes if name.startswith("on")]
    assert "alert('1')" in tags.text
    assert "{{ 7*7 }}" in tags.text
    assert "\u202e" not in page
    assert "\x07" not in page
    assert "\\u202e" in page


def test_hostile_text_changes_no_tag():
    assert [tag for tag, _ in Tags(render(report(EVIL))).tags] == [tag for tag, _ in Tags(render(report())).tags]


def test_the_page_needs_nothing_from_elsewhere():
    page = render(report())
    sources = [a["src"] for _, a in Tags(page).tags if a.get("src")]
    assert sources
    assert all(str(source).startswith("data:image/jpeg;base64,") for source in sources)
    assert "default-src 'none'" in page
    assert not re.findall(r"(https?:)?//[\w.-]+\.\w+|@import|url\(", page)
    assert all(str(a["href"]).startswith("#") for _, a in Tags(page).tags if "href" in a)


def test_an_example_is_shown_with_image_text_measures_and_why():
    data = report()
    example = replace(
        data.rules[0].few_examples[0],
        turns=(Turn("user", "What colour?"), Turn("assistant", "Pink.", 0)),
        reasons=(Reason("wrong_colour", "claims", 0, "hue=0.1", "hue < 0.2", "the pixels say otherwise"),),
        measures={"claims": ("answer 1: hue 0.1",), "difficulty": ("turns 1",)},
    )
    page = render(replace(data, rules=(replace(data.rules[0], rule="wrong_colour", few_examples=(example,)),)))
    text = " ".join(Tags(page).text.split())
    assert "user What colour? assistant Pink." in re.sub(r"(user|assistant)", r" \1 ", text).replace("  ", " ")
    assert "wrong_colour in answer 1: the pixels say otherwise hue=0.1" in text
    assert "claims answer 1: hue 0.1" in text
    assert '<dd class="blamed">Pink.</dd>' in page
    assert page.count("data:image/jpeg") == 1


def test_expected_wrong_flags_stand_beside_a_rule_that_can_tell():
    text = " ".join(Tags(render(report())).text.split())
    assert text.count("0.3 of these 2 are flagged wrongly.") == 1
    assert text.count("are flagged wrongly") == 1


def test_the_figures_add_up_in_the_headline():
    text = " ".join(Tags(render(report())).text.split())
    assert "9 rows came in, 7 of them could be read. 5 examples are in the version; 0 are held back" in text
    assert "dropped 2 (22 %)" in text


def test_modality_is_told_by_drop_in_order_of_arrival():
    def row(drop: str, day: int, modality: str, examples: int) -> ModalityRow:
        return ModalityRow(drop, datetime(2026, 11, day, tzinfo=UTC), "", "sft", modality, examples, 0, 0, 0, 0)

    rows = (row("b", 1, "visual", 3), row("b", 1, "blind", 1), row("a", 2, "text", 6), row("a", 2, "visual", 2))
    sums = replace(report(), modality=rows).modality_sums
    assert [one.name for one in sums] == ["b", "a", "all"]
    assert [one.total("examples", "visual") for one in sums] == [3, 2, 5]
    assert [one.total("examples") for one in sums] == [4, 8, 12]
    text = Tags(render(replace(report(), modality=rows))).text
    assert re.search(r"all\s*12\s*50.%\s*42.%", text), "half have an image, 5 of 12 need it"


def test_an_empty_version_has_a_page():
    empty: dict[str, Any] = dict.fromkeys(
        ("drops", "modality", "contradictions", "audits", "rules", "gates", "stages"), ()
    )
    text = Tags(render(replace(report(), **empty, quarantined={}, datasets={}, mix=None))).text
    assert "The policy has no rules" in text
    assert "Nothing was set aside" in text


def test_a_page_can_be_written_whatever_a_text_holds():
    assert "half of a pair: ?" in render(report("half of a pair: \ud800")).encode().decode()


@pytest.mark.parametrize(
    ("value", "text"), [(0, "0"), (1234567, "1\u202f234\u202f567"), (0.12345, "0.123"), (-0.5, "-0.5"), (2.0, "2")]
)
def test_numbers_are_readable(value: float, text: str):
    assert number(value) == text


@pytest.mark.parametrize(
    ("part", "whole", "text"),
    [(0, 0, "–"), (0, 9, "0 %"), (1, 3, "33 %"), (1, 99, "1.0 %"), (1, 10**6, "< 0.1 %"), (5, 5, "100 %")],
)
def test_shares_are_readable(part: int, whole: int, text: str):
    assert percent(part, whole) == text


def batches(values: list[Any], kind: pa.DataType, size: int) -> list[pa.RecordBatch]:
    array = pa.array(values, kind)
    return [pa.record_batch([array[at : at + size]], names=["x"]) for at in range(0, len(values), size)]


def histogram_of(
    values: list[Any], kind: pa.DataType, *, size: int = 3, marks: tuple[Threshold, ...] = ()
) -> Histogram:
    read = batches(values, kind, size)
    return histograms(lambda: iter(read), [pa.field("x", kind)], {"x": marks})[0]


@given(st.lists(st.one_of(st.none(), st.floats(width=32)), min_size=1, max_size=60), st.integers(1, 60))
def test_every_row_is_in_a_bar_or_without_a_value(values: list[float | None], size: int):
    figure = histogram_of(values, pa.float32(), size=size)
    assert figure.rows == len(values)
    assert sum(figure.counts) == sum(1 for v in values if v is not None and np.isfinite(v))
    assert len(figure.edges) == len(figure.counts) + bool(figure.counts)
    assert not figure.counts or "svg" in histogram(figure)


@given(st.lists(st.integers(-(2**31), 2**31 - 1), min_size=1, max_size=60), st.integers(1, 60))
def test_batches_do_not_change_a_histogram(values: list[int], size: int):
    assert histogram_of(values, pa.int32(), size=size) == histogram_of(values, pa.int32(), size=len(values))


def test_whole_numbers_have_a_bar_each():
    figure = histogram_of([1, 2, 2, 5], pa.int64())
    assert (figure.counts, figure.edges) == ((1, 2, 0, 0, 1), (0.5, 1.5, 2.5, 3.5, 4.5, 5.5))


def test_a_long_tail_is_put_into_the_last_bar():
    values = [*np.random.default_rng(0).random(4000).tolist(), 1e6]
    figure = histogram_of(values, pa.float64(), size=512)
    assert figure.clipped
    assert figure.edges[-1] <= 1
    assert (sum(figure.counts), len(figure.counts)) == (4001, BINS)


def test_the_axis_shows_the_thresholds():
    mark = Threshold("r", "x > 9", "drop", ">", 9.0, alone=True)
    figure = histogram_of([0.0, 1.0], pa.float64(), marks=(mark,))
    assert figure.edges[-1] == 9.0
    assert "r ▸" in histogram(figure)


def test_categories_are_counted_and_names_are_not_drawn():
    figure = histogram_of(["a", "b", None, "a"], pa.string())
    assert (figure.labels, figure.counts, figure.nulls) == (("a", "b"), (2, 1), 1)
    assert histogram_of([True, False, True], pa.bool_()).labels == ("true", "false")
    names = batches([str(n) for n in range(40)], pa.string(), 7)
    assert histograms(lambda: iter(names), [pa.field("x", pa.string())], {}) == []
    assert not drawable(pa.field("group_id", pa.string()))
    kinds = {"a": pa.string(), "b": pa.bool_(), "c": pa.int32(), "d": pa.float32()}
    assert [field.name for field in first_drawn(pa.schema(kinds), {"b"}, 3)] == ["b", "d", "c"]
    assert not drawable(pa.field("spans", pa.list_(pa.int32())))


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "P", "L", "1", "I;16", "LA"])
def test_thumbnails_of_every_mode_are_small(mode: str):
    picture = thumbnail(jpeg(mode, (900, 300)), 900, 300)
    with Image.open(io.BytesIO(picture.jpeg)) as image:
        assert (image.size, image.mode) == ((SIDE_PX, SIDE_PX // 3), "RGB")
    assert (picture.width_px, picture.height_px) == (900, 300)


@pytest.mark.parametrize("data", [b"", b"no image", jpeg()[:200], jpeg(kind="JPEG")[:-300]])
def test_broken_images_have_an_empty_frame(data: bytes):
    assert thumbnail(data, 600, 300) == Picture(b"", 600, 300)
    assert "no preview" in render(report())


def test_images_that_are_too_large_are_not_decoded():
    assert thumbnail(jpeg(), 60_000, 60_000).jpeg == b""


def verdict(n: int, *rules: str) -> dict[str, Any]:
    of = {"delivery": f"d{n % 2}", "example_id": f"{n:02}", "dataset": None if n == 3 else "s"}
    return {**of, "action": "drop" if rules else "keep", "reasons": [{"rule": rule} for rule in rules]}


def test_verdicts_are_counted_and_the_shown_do_not_depend_on_batches():
    rows = [verdict(n, *(["copy"] * (n % 3) + ["odd"] * (n % 2))) for n in range(20)]
    table = pa.Table.from_pylist(rows, schema=VERDICTS.schema)
    figures = [count_verdicts(table.to_batches(max_chunksize=size), most=3) for size in (1, 7, 20)]
    assert figures[0] == figures[1] == figures[2]
    assert figures[0].by_rule == {"copy": 13, "odd": 10}
    assert figures[0].few_by_rule == {"copy": ["01", "02", "04"], "odd": ["01", "03", "05"]}
    assert figures[0].by_dataset[""] == {"drop": 1}
    assert sum(figures[0].by_delivery["d0"].values()) == 10


def test_quarantined_rows_are_counted_by_file_and_reason():
    rows = [
        {"delivery": "d", "file": f"{n % 2}.json", "row": n, "reason": "cut", "detail": "x" * 999, "raw": None}
        for n in range(5)
    ]
    table = pa.Table.from_pylist(rows, schema=QUARANTINE.schema)
    by_file, few = count_quarantine(table.to_batches(max_chunksize=2), {"d": "shop"}, most=2)
    assert by_file == {("d", "0.json"): {"cut": 3}, ("d", "1.json"): {"cut": 2}}
    assert [(row.drop, row.row, len(row.detail)) for row in few["cut"]] == [("shop", 0, 401), ("shop", 1, 401)]


def test_stages_are_counted():
    ids = [{"delivery": "d", "example_id": str(n)} for n in range(4)]
    examples = [row | {"image_ids": ["i"] if n % 2 else None} for n, row in enumerate(ids)]
    order = [row | {"stage": n // 2, "difficulty": None if n == 3 else float(n)} for n, row in enumerate(ids)]
    known = pa.Table.from_pylist(examples, schema=EXAMPLES.schema).to_batches()
    stages = count_stages(
        pa.Table.from_pylist(order, schema=CURRICULUM.schema).to_batches(),
        visual_keys(known),
        {"s": distinct(key_hashes(known[0])[:3])},
    )
    assert [(s.number, s.examples, s.visual, s.datasets) for s in stages] == [(0, 2, 1, {"s": 2}), (1, 2, 1, {"s": 1})]
    assert stages[0].difficulty == pytest.approx((0.1, 0.5, 0.9))
    assert stages[1].difficulty == (2.0, 2.0, 2.0)
