"""`assay checkpoint`: whether a fine-tuned image tower still sees, before RL builds on it."""

from pathlib import Path
from typing import Annotated

import typer
from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from ops.checkpoints.clusters import Loss
from ops.core.grades import PASS, REJECT
from pipelines.app import ConfigOption, DebugOption, JsonOption, LakeOption, app, print_json, settings_of
from pipelines.faults import DONE, FAILED, err, out
from pipelines.tables import marked, titled
from pipelines.version_commands import lake_at
from resources.checkpoints.auditing import CheckpointAudit
from resources.checkpoints.lake_audits import audit_on_lake
from resources.engines.progress import RichProgress

BaselineOption = Annotated[
    str,
    typer.Option(
        "--baseline",
        metavar="FOLDER|MODEL[:PRETRAINED]",
        help="What it was made from: a model's folder, or an encoder as assay.yaml names it; left out: that encoder.",
    ),
]
ProbesOption = Annotated[
    Path | None, typer.Option("--probes", help="JSON lines with image, text and label, beside the lake's own pictures.")
]
CountOption = Annotated[int, typer.Option("--pictures", min=0, help="How many of the lake's pictures are drawn.")]


@app.command()
def checkpoint(
    path: Annotated[Path, typer.Argument(metavar="CHECKPOINT", help="A file of weights, or a folder with them.")],
    baseline: BaselineOption = "",
    lake: LakeOption = "lake",
    probes: ProbesOption = None,
    pictures: CountOption = 256,
    seed: Annotated[int, typer.Option("--seed", help="Of the draw.")] = 0,
    config: ConfigOption = None,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Holds a fine-tuned image tower against its baseline: which layers moved, does it still find what it sees?

    The exit status is 0 where it passes or warns, 1 where it is rejected. The lake remembers the audit.
    """
    audit = audit_on_lake(
        lake_at(lake),
        path,
        baseline,
        encoder=settings_of(config).encoder,
        pictures=pictures,
        own=probes,
        progress=RichProgress(err),
        seed=seed,
    )
    if as_json:
        print_json(audit.as_json())
    else:
        _show(audit)
    raise typer.Exit(FAILED if audit.verdict == REJECT else DONE)


def _show(audit: CheckpointAudit) -> None:
    named = sorted({finding.name for finding in audit.findings if finding.verdict != PASS})
    names = f": {', '.join(named)}" if named else ""
    line = f"{marked(audit.verdict)}{names}   ({audit.probes} pictures, {audit.baseline})"
    out.print(line, highlight=False, soft_wrap=True)
    out.print(_weights(audit), highlight=False, soft_wrap=True)
    table = Table("layer", "kept", "95 %", "CKA", "cosine", "rank", "dead", box=SIMPLE_HEAD, padding=(0, 1))
    for layer in audit.layers:
        low, high = layer.kept_interval
        table.add_row(
            layer.layer,
            f"{layer.kept:.2f}",
            f"{low:.2f} to {high:.2f}",
            f"{layer.cka:.2f}",
            f"{layer.mean_cosine:.2f}",
            f"{layer.rank_before:.0f} to {layer.rank_after:.0f}",
            f"{layer.dead_before:.0%} to {layer.dead_after:.0%}",
        )
    out.print(titled("How images lie to each other, against the baseline", table))
    if audit.clusters:
        out.print(titled("Pictures that are alike: what they lost of their nearest ones and texts", _clusters(audit)))
    for finding in audit.findings:
        where = f" at {finding.where}" if finding.where else ""
        text = f"{marked(finding.verdict)} {finding.name}{where}: {finding.detail}"
        out.print(text, highlight=False, soft_wrap=True)
    for advice in audit.advice:
        out.print(f"Advice: {advice}", markup=False, highlight=False, soft_wrap=True)


def _clusters(audit: CheckpointAudit) -> Table:
    table = Table("pictures like", "n", "nearest lost", "rest", "texts lost", "rest", box=SIMPLE_HEAD, padding=(0, 1))
    for cluster in audit.clusters:
        table.add_row(
            Text(cluster.name),
            str(len(cluster.pictures)),
            *_loss(cluster.neighbours),
            *(_loss(cluster.retrieval) if cluster.retrieval else ("", "")),
        )
    return table


def _loss(loss: Loss) -> tuple[str, str]:
    low, high = loss.lost_interval
    return f"{loss.lost:.0%} ({low:.0%} to {high:.0%})", f"{loss.rest:.0%}"


def _weights(audit: CheckpointAudit) -> str:
    change = audit.change
    parts = [f"{change.changed} of {change.tensors} tensors changed, by {change.relative:.2%} of their norm"]
    if change.adapter:
        parts.append(f"as an adapter, in at most {change.rank} of {change.full_rank} directions of a matrix")
    elif change.rank:
        parts.append(f"in at most {change.rank} of {change.full_rank} directions of a matrix")
    if change.kept:
        parts.append(f"it leaves out {', '.join(change.kept)}, which stay the baseline's")
    if change.outside:
        parts.append(f"{change.outside} of its tensors are no part of the tower")
    return "; ".join(parts) + "."
