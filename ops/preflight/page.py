"""The reference part of docs/preflight.md, written from the registry: `python -m ops.preflight.page docs/preflight.md`
puts it between the page's two markers."""

import inspect
import sys
from dataclasses import fields
from importlib import import_module
from pathlib import Path

from ops.preflight.limits import Limits
from ops.preflight.reasons import REASONS
from ops.preflight.registry import all_families, all_trainers, limits_of

START, END = "<!-- generated: preflight -->", "<!-- end of the generated part -->"


def reference() -> str:
    """Trainers with their rules, families with their formulas, limits with their defaults, and reasons with fixes."""
    lines = ["## Trainers", "", "| trainer | rules read from | truncation | where a row fails | sequence |"]
    lines.append("|---|---|---|---|---|")
    for name, trainer in all_trainers().items():
        words = ", ".join(f"`{word}`" for word in trainer.truncations)
        failures = ", ".join(f"`{word}`" for word in trainer.failures)
        most = f"{trainer.presets['max_tokens']:,}" if "max_tokens" in trainer.presets else "the model's"
        lines.append(f"| [`{name}`](#{name}) | {trainer.title} {trainer.version} | {words} | {failures} | {most} |")
    for trainer in all_trainers().values():
        lines += ["", f"### {trainer.name}", "", _docstring(trainer.lay_out.__module__)]
    lines += [
        "",
        "## Families of models",
        "",
        "| family | models | context | 300 x 200 | 1,000 x 1,000 | 3,000 x 2,000 |",
    ]
    lines.append("|---|---|---|---|---|---|")
    for name, family in all_families().items():
        limits = limits_of(all_trainers()["ms-swift"], {"model": name})
        sizes = ((300, 200), (1000, 1000), (3000, 2000))
        tokens = " | ".join(f"{family.look(*size, limits).tokens:,}" for size in sizes)
        lines.append(f"| [`{name}`](#{name.replace('.', '')}) | {family.title} | {limits.max_tokens:,} | {tokens} |")
    for family in all_families().values():
        lines += ["", f"### {family.name}", "", _docstring(family.look.__module__), "", f"Source: {family.source}."]
    lines += ["", "## Limits", "", "| limit | what it is |", "|---|---|"]
    lines += [f"| `{name}` | {said} |" for name, said in _limits().items()]
    lines += ["", "## Reasons", "", "| reason | the row | what to do |", "|---|---|---|"]
    lines += [f"| `{code}` | {reason.says} | {reason.fix} |" for code, reason in REASONS.items()]
    return "\n".join(lines)


def _docstring(module: str) -> str:
    return inspect.cleandoc(import_module(module).__doc__ or "")


def _limits() -> dict[str, str]:
    """What each limit is: the texts below the fields in the source of Limits."""
    source = inspect.getsource(Limits)
    names = [one.name for one in fields(Limits)]
    texts: dict[str, str] = {}
    for name in names:
        after = source.partition(f"    {name}: ")[2].partition("\n")[2].lstrip()
        text = after.partition('"""')[2].partition('"""')[0] if after.startswith('"""') else ""
        texts[name] = " ".join(text.split())
    return texts


def with_reference(text: str) -> str:
    """The page with its reference part made anew."""
    before, _, rest = text.partition(START)
    return f"{before}{START}\n{reference()}\n{END}{rest.partition(END)[2]}"


if __name__ == "__main__":
    page = Path(sys.argv[1])
    page.write_text(with_reference(page.read_text("utf-8")), "utf-8")
