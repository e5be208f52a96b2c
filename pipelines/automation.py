"""When assets are made without a clock, who owns them, and how old they may be: laid over the assets by the settings.

Dagster's automation sensor (`default_automation_condition_sensor`) is the alternative to the schedule and the job of
the watched folder: off until somebody switches it on, it makes what comes after whatever was made.
"""

from datetime import timedelta

import dagster as dg

from pipelines.dagster_types import automated, checks_passed, eager
from resources.config.settings import Settings

#: Of a drop: what is missing of it, as all is after it was rejected, and what its gates refuse, goes no further.
_OF_DROPS = eager(of_all=True) & checks_passed()
#: Of the corpus, which leaves out by itself drops that were rejected or whose gates failed: none holds up a version.
_OF_CORPUS = eager(of_all=False)
_FOLLOWING = {"embeddings": _OF_DROPS, "measures": _OF_DROPS, "corpus": _OF_CORPUS, "version": _OF_CORPUS}


def operated(spec: dg.AssetSpec, settings: Settings) -> dg.AssetSpec:
    """The asset with its owners, with what it follows, and, of `versions` and of measures of drops, with how old it may
    be."""
    name, group, operation = spec.key.to_user_string(), spec.group_name or "", settings.operation
    hours = operation.fresh_hours if name == "versions" else operation.measured_hours if group == "measures" else 0.0
    fresh = dg.FreshnessPolicy.time_window(fail_window=timedelta(hours=hours)) if hours else None
    condition = _FOLLOWING.get(name) or _FOLLOWING.get(group)
    return automated(spec, condition=condition, owners=list(settings.operation.owners), fresh=fresh)
