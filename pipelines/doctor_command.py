"""`assay doctor`: whether this machine will do, and what to change where it will not."""

from dataclasses import asdict
from typing import TYPE_CHECKING

import typer

from pipelines.app import ConfigOption, DebugOption, JsonOption, LakeOption, app, print_json, settings_of
from pipelines.faults import DONE, FAILED, out

if TYPE_CHECKING:
    from resources.status.doctor import Finding

_COLOURS = {"good": "green", "poor": "yellow", "bad": "bold red"}


@app.command()
def doctor(
    lake: LakeOption = "lake", config: ConfigOption = None, as_json: JsonOption = False, debug: DebugOption = False
) -> None:
    """Looks at Java, cores, memory, GPU, encoder, the lake and what listens where, each with what to do about it."""
    settings = settings_of(config)
    from resources.status.doctor import examine  # what it looks at takes seconds to import

    findings: list[Finding] = []
    for finding in examine(lake, settings):
        findings.append(finding)
        if not as_json:
            out.print(
                f"[{_COLOURS[finding.state]}]{finding.state:<4}[/]  {finding.subject:<14}",
                end="  ",
                highlight=False,
            )
            out.print(finding.detail, markup=False, highlight=False, soft_wrap=True)
            if finding.fix:
                out.print(f"{'':22}{finding.fix}", markup=False, highlight=False, soft_wrap=True)
    sound = all(finding.state != "bad" for finding in findings)
    if as_json:
        print_json({"sound": sound, "findings": [asdict(finding) for finding in findings]})
    raise typer.Exit(DONE if sound else FAILED)
