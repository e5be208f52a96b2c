"""What the command line prints of data: shown as it is, never obeyed by the terminal or by Rich."""

import io
import json
import re

import pytest
from rich.markup import escape
from rich.table import Table

from ops.core.printable import unfit_name
from pipelines.app import print_json
from pipelines.faults import SafeConsole
from pipelines.tables import key_value_table
from tests.support.hostile_inputs.files import FILE_NAMES
from tests.support.hostile_inputs.rows import PATHS, WORDS

HOSTILE = [*WORDS, *PATHS, *(name.decode("utf-8", "surrogateescape") for name in FILE_NAMES)]
_STYLES = re.compile(r"\x1b\[[0-9;]*m")  # of Rich's own: colours and weights, which change nothing but looks


def printed(*things: object, markup: bool = True) -> str:
    out = io.TextIOWrapper(io.BytesIO(), encoding="utf-8", newline="")
    console = SafeConsole(file=out, force_terminal=True, width=100, highlight=False)
    for thing in things:
        console.print(thing, markup=markup)
    out.flush()
    return out.buffer.getvalue().decode("utf-8")


def harmless(text: str) -> bool:
    return unfit_name(_STYLES.sub("", text)) is None


@pytest.mark.parametrize("word", HOSTILE, ids=range(len(HOSTILE)))
def test_no_word_is_obeyed(word: str):
    table = Table("example")
    table.add_row(escape(word))
    assert harmless(printed(f"[bold red]error:[/] {escape(word)}", table))
    assert harmless(printed(word, key_value_table([("id", word)], title="x"), markup=False))


def test_markup_in_a_message_is_shown_as_it_stands():
    assert "[red]x[/] [/] [link=http://x]y" in printed(f"[bold]error:[/] {escape('[red]x[/] [/] [link=http://x]y')}")


def test_json_for_programs_keeps_every_word_and_obeys_none(capsys: pytest.CaptureFixture[str]):
    print_json(HOSTILE)
    text = capsys.readouterr().out
    assert harmless(text)
    assert json.loads(text) == HOSTILE
