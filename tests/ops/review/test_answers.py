"""Files of answers: what is taken, and how each thing that is wrong with one is said."""

import csv
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ops.decision.overruling import CHOICES
from ops.review.answers import AnswersError, read_answers

HEAD = "example_id,content_id,decision,why\n"


def read(path: Path, text: str) -> list[tuple[str, str, str]]:
    path.write_text(text, "utf-8")
    return [(a.example_id, a.value, a.why) for a in read_answers(path, column="decision", choices=CHOICES)]


def test_rows_are_read_whatever_else_stands_in_the_file(tmp_path: Path) -> None:
    text = '\ufeff"at","decision","example_id","content_id","why"\r\n'
    text += '"x","Keep","e1","c1","a, ""b"""\r\n\r\n"x","","e2","c2",""\r\n"x","drop","e3","c3","\'=1+1"\r\n'
    assert read(tmp_path / "d.csv", text) == [("e1", "keep", 'a, "b"'), ("e3", "drop", "=1+1")]


def test_an_export_of_label_studio_is_read_with_its_pictures(tmp_path: Path) -> None:
    columns = (
        "annotation_id annotator content_id created_at example_id id images label lead_time sample text updated_at"
    )
    pictures = '"[""data:image\\/jpeg;base64,' + "A" * 200_000 + '""]"'
    row = f'31,"1","c1","2026-11-28T00:33:03Z","e1",31,{pictures},"sound","4.2","s1","user: a\n\nassistant: b","x"'
    (tmp_path / "l.csv").write_text(",".join(f'"{name}"' for name in columns.split()) + f"\n{row}\n", "utf-8")
    (answer,) = read_answers(tmp_path / "l.csv", column="label", choices=("sound", "faulty"))
    assert (answer.example_id, answer.value, answer.by, answer.sample) == ("e1", "sound", "1", "s1")


WRONG = [
    ("", "row 1 has no column example_id, content_id, decision; it has none"),
    ("example_id;content_id;decision\n", "row 1 has no column example_id, content_id, decision"),
    (HEAD + "e1,c1,perhaps,\n", "row 2: decision is 'perhaps', which is none of keep, drop, clear"),
    (HEAD + "e1,c1,keep\n", "row 2: it has 3 fields, and the header 4"),
    (HEAD + "e1,c1,keep,\n,c1,keep,\n", "row 3: example_id or content_id is empty"),
    (HEAD + "e1,c1,keep,\ne2,c2,keep,\ne1,c1,drop,\n", "row 4: says drop of an example of which row 2 says keep"),
    (HEAD + "e,c,no,\n" * 7, "row 6: decision is 'no', which is none of keep, drop, clear; and 2 more"),
    (HEAD + 'e1,c1,"keep,\n', "is no CSV in UTF-8"),
]


@pytest.mark.parametrize(("text", "problem"), WRONG, ids=lambda text: text[-20:])
def test_what_is_wrong_is_said_with_file_row_and_mend(tmp_path: Path, text: str, problem: str) -> None:
    with pytest.raises(AnswersError) as raised:
        read(tmp_path / "d.csv", text)
    assert str(raised.value).startswith(f"{tmp_path / 'd.csv'}: ")
    assert problem in str(raised.value)
    assert any(mend in str(raised.value) for mend in ("mend these rows", "export", "Give the file"))


def test_bytes_that_are_no_text(tmp_path: Path) -> None:
    (tmp_path / "d.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(AnswersError, match="no CSV in UTF-8"):
        read_answers(tmp_path / "d.csv", column="decision", choices=CHOICES)


WORDS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=12).map(str.strip)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.dictionaries(st.from_regex(r"\A[0-9a-f]{4}\Z"), st.tuples(st.sampled_from(CHOICES), WORDS)))
def test_what_is_written_is_what_is_read(tmp_path: Path, rows: dict[str, tuple[str, str]]) -> None:
    path = tmp_path / "d.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, quoting=csv.QUOTE_ALL)
        writer.writerow(["example_id", "content_id", "decision", "why"])
        for example, (value, why) in rows.items():
            guarded = f"'{why}" if why.startswith(("'", "=", "+", "-", "@", "\t", "\r")) else why
            writer.writerow([example, "c", value, guarded])
    read = read_answers(path, column="decision", choices=CHOICES)
    assert [(a.example_id, a.value, a.why) for a in read] == [(e, *said) for e, said in rows.items()]
