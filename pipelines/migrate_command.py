"""`assay migrate`: a lake of older code, brought to the format of this one."""

from pipelines.app import DebugOption, JsonOption, LakeOption, app, print_json
from pipelines.faults import out
from pipelines.version_commands import lake_at
from resources.lake.layout import FORMAT
from resources.lake.migration import migrate


@app.command(name="migrate")
def migrate_command(lake: LakeOption = "lake", as_json: JsonOption = False, debug: DebugOption = False) -> None:
    """Brings a lake of older code to the present format. Versions stay as they are; run it again if it was stopped."""
    done = migrate(lake_at(lake))
    if as_json:
        print_json({"format": FORMAT, "done": done})
        return
    for line in done or [f"the lake has the format {FORMAT} already"]:
        out.print(line, highlight=False)
