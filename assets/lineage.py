"""Column lineage, as the UI draws it: which columns of which tables each column of a table was made from."""

from collections.abc import Iterable, Mapping, Sequence

import dagster as dg

from ops.audits.contract import KEYS, Audit, Scope
from ops.audits.registry import all_audits
from ops.core.tables import TABLES
from ops.core.version_schemas import CURATED, CURRICULUM, VERDICTS
from resources.config.settings import Settings

LINEAGE = "dagster/column_lineage"
Column = tuple[str, str]
"""A table and a column of it."""


def measured_from(audit: Audit) -> dict[str, dg.TableColumnLineage]:
    """Metadata of an audit's measures: keys from `examples`, every other column from all that the audit reads."""
    keys = {name: [("examples", name)] for name in KEYS[audit.grain].names if name in TABLES["examples"].schema.names}
    read = [(table, column) for table, columns in _reads(audit).items() for column in columns]
    columns = {name: keys.get(name, read) for name in audit.schema.names}
    return _lineage(columns)


def ingested_from() -> dict[str, dict[str, dg.TableColumnLineage]]:
    """Metadata of tables that ingest makes, by table: of those columns that are made of other tables' and not of the
    delivered files alone. What is judged, rewarded or boxed stands in the files."""
    images, texts = ("examples", "image_ids"), ("examples", "messages")
    keys = {name: [("examples", name)] for name in ("delivery", "example_id", "dataset")}
    pictured = {"image_ids": [images], "image_key": [images]}
    dialogues = {"kind": [("examples", "kind")], "repairs": [("examples", "repairs")], "dialogue_key": [texts, images]}
    turns = {
        name: [texts] for name in ("turn", "query_key", "response_key", "query", "response", "answer_kind", "answer")
    }
    voters = {"voter": [("examples", "source_id"), texts, images], "image_key": [images]}
    sizes = {f"image_{side}": [("images", side)] for side in ("width_px", "height_px")}
    names = {name: keys[name] for name in ("delivery", "example_id")}
    return {
        "turns": _lineage(keys | turns | voters),
        "dialogues": _lineage(keys | dialogues),
        "preferences": _lineage(keys | pictured),
        "prompts": _lineage(keys | pictured),
        "boxes": _lineage(names | sizes | {"image_id": [images]}),
    }


def embedded_from() -> dict[str, dg.TableColumnLineage]:
    """Metadata of the vectors: of images, and of the texts that audits ask for."""
    content = [("images", "image_id"), ("examples", "messages")]
    return _lineage({"content_id": content, "vector": [("images", "bytes"), ("examples", "messages")]})


def versioned_from(settings: Settings) -> dict[str, dict[str, dg.TableColumnLineage]]:
    """Metadata of the tables of a version, by table: through the policy's rules and the curriculum's weights."""
    looked_at = [(rule.audit, column) for rule in settings.policy.rules for column in rule.columns]
    weighed = [name.split(".", 1) for name in (*settings.curriculum.difficulty, *settings.curriculum.prompt_difficulty)]
    judged = {name: _measures(looked_at) for name in ("action", "weight", "reasons")}
    graded = {name: _measures((audit, column) for audit, column in weighed) for name in ("difficulty", "stage")}
    softened = {"soft_label": [("measures_contradictions", "soft_label")]}
    verdicts, members = _same(VERDICTS.schema.names, "examples"), _same(CURATED.schema.names, "verdicts")
    order = _same(CURRICULUM.schema.names, "verdicts") | graded | {"position": [("curriculum", "difficulty")]}
    return {
        "verdicts": _lineage(verdicts | judged),
        "curated": _lineage(members | softened),
        "curriculum": _lineage(order),
    }


def _reads(audit: Audit) -> Mapping[str, Sequence[str]]:
    if audit.scope is Scope.CORPUS:
        return {table: columns for table, columns in audit.sources.items() if table in TABLES or table in _MEASURES}
    used = {
        "embeddings": ("vector",) if audit.uses_vectors or audit.texts else (),
        "images": ("bytes",) if audit.uses_pictures or audit.uses_colours else (),
        "boxes": ("left", "top", "right", "bottom", "phrase") if audit.uses_boxes else (),
    }
    return {"examples": ("messages", "image_ids")} | used


_MEASURES = frozenset(audit.table.name for audit in all_audits().values())


def _measures(columns: Iterable[Sequence[str]]) -> list[Column]:
    known = all_audits()
    return sorted({(known[audit].table.name, column) for audit, column in columns if audit in known})


def _same(names: Iterable[str], table: str) -> dict[str, list[Column]]:
    """The columns that are taken over from a table as they are."""
    return {name: [(table, name)] for name in names if name in TABLES[table].schema.names}


def _lineage(columns: Mapping[str, Sequence[Column]]) -> dict[str, dg.TableColumnLineage]:
    deps = {
        name: [dg.TableColumnDep(asset_key=dg.AssetKey(table), column_name=column) for table, column in made_from]
        for name, made_from in columns.items()
        if made_from
    }
    return {LINEAGE: dg.TableColumnLineage(deps_by_column=deps)}
