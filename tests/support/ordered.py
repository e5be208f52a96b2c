"""The curriculum of one table, made as that of a version is."""

import pyarrow as pa

from ops.core.tasks import InProcess
from ops.decision.curriculum import CurriculumSettings
from ops.decision.ordering import ordered


def curriculum(members: pa.Table, settings: CurriculumSettings) -> pa.Table:
    """The ordered rows; `members` has delivery, example_id, dataset, visual and difficulty."""
    difficulty = members["difficulty"].to_numpy()
    return pa.concat_tables(
        ordered(InProcess(), [members], [difficulty], settings, lambda _, rows: rows)
    ).combine_chunks()
