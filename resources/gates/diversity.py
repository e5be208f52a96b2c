"""Diversity of a candidate on a sample of the corpus: pictures by their embeddings, answers by their words."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
import pyarrow as pa

from ops.core.arrow import (
    batch_of,
    column_of,
    flags,
    index_in,
    is_in,
    is_valid,
    kept_where,
    rows_at,
    rows_where,
    sorted_by,
    taken,
    whole,
)
from ops.core.arrow_types import fields
from ops.core.measure_schemas import EMBEDDINGS
from ops.core.schemas import EXAMPLES
from ops.core.stored import StoredMessage
from ops.core.version_schemas import VERDICTS
from ops.decision.curriculum import mixed
from ops.decision.policy import MEMBER_ACTIONS
from ops.gates.diversity import Figure, against_chance, answer_bits, clustered, coverage, effective_rank, vendi
from resources.lake.tables import Lake

SAMPLE = 20_000
"""Examples that are looked at: those with the smallest hash of their id, whatever the order of rows."""
CLUSTERS = 50
_LEAST = 200
"""Below so many examples with a picture there is no figure: chance decides too much."""

DIVERSITY = pa.schema([("figure", pa.string()), *((n, pa.float64()) for n in ("before", "kept", "random", "ratio"))])
CLUSTER = pa.schema(
    [("cluster", pa.string()), ("examples", pa.int64()), ("removed", pa.int64()), ("removed_share", pa.float64())]
)

_ROWS = pa.schema([pa.field("hash", pa.uint64()), *fields(EXAMPLES.schema, "example_id", "messages", "image_ids")])
_JUDGED = pa.schema(fields(VERDICTS.schema, "example_id", "action"))


@dataclass(frozen=True, slots=True)
class Sampled:
    """Examples of a share that may be of the sample (_ROWS, with `member`, null where nothing judged the example)."""

    rows: pa.Table

    @classmethod
    def of(cls, picked: Sequence[pa.RecordBatch], verdicts: Sequence[pa.RecordBatch]) -> "Sampled":
        """From batches of `sampled` and the verdicts of the share."""
        rows = pa.Table.from_batches(list(picked), _ROWS)
        wanted = whole(rows, "example_id")
        judged = [
            rows_where(batch.select(["example_id", "action"]), is_in(column_of(batch, "example_id"), wanted))
            for batch in verdicts
        ]
        table = pa.Table.from_batches(judged, _JUDGED)
        action = taken(table["action"], index_in(wanted, whole(table, "example_id")))
        member = kept_where(is_in(action, pa.array(MEMBER_ACTIONS)), is_valid(action))
        return cls(rows.append_column("member", member))


def sampled(examples: pa.RecordBatch, count: int) -> pa.RecordBatch:
    """Of a batch of examples those that may be of the sample of a corpus of `count`: by the hash of their ids, with
    room for chance."""
    bound = int(2**64 * (SAMPLE + 6 * SAMPLE**0.5) / max(count, 1))
    hashes = mixed(column_of(examples, "example_id"), 0)
    chosen = hashes < np.uint64(bound) if bound < 2**64 else np.ones(len(hashes), dtype=bool)
    rows = rows_where(examples, pa.array(chosen))
    return batch_of([pa.array(hashes[chosen]), *(column_of(rows, name) for name in _ROWS.names[1:])], _ROWS)


def diversity_facts(lake: Lake, samples: Sequence[Sampled], *, encoder: str) -> dict[str, pa.Table]:
    """`diversity`, a row a figure: figure, before, kept, random, ratio (kept over random). `clusters`, a row a cluster
    of pictures: cluster, examples, removed, removed_share. Both are empty where too little is known."""
    rows = pa.concat_tables([own.rows for own in samples])
    first = np.argsort(rows["hash"].to_numpy(), kind="stable")[:SAMPLE]
    sample = sorted_by(rows_at(rows, pa.array(first, pa.int64())), "example_id")
    # Examples that nothing judged: the gate says so by other figures.
    member = flags(sample["member"])
    if sample["member"].null_count or member.all() or not member.any():
        return {"diversity": DIVERSITY.empty_table(), "clusters": CLUSTER.empty_table()}
    content = sample.select(["messages", "image_ids"]).to_pylist()
    answers = np.unique([_answer(row["messages"]) for row in content], return_inverse=True)[1]
    figures = [against_chance("answer_bits", lambda rows: answer_bits(answers[rows]), member)]
    vectors, embedded = _vectors(lake, [row["image_ids"] or [] for row in content], encoder)
    clusters = CLUSTER.empty_table()
    if len(vectors) >= _LEAST:
        cluster = clustered(vectors, CLUSTERS)
        figures += _of_pictures(vectors, cluster, member[embedded])
        clusters = _clusters(cluster, member[embedded])
    rows = [{"figure": f.name, "random": f.random_mean, "ratio": f.ratio, **_figures(f)} for f in figures]
    return {"diversity": pa.Table.from_pylist(rows, schema=DIVERSITY), "clusters": clusters}


def _of_pictures(vectors: np.ndarray, cluster: np.ndarray, member: np.ndarray) -> list[Figure]:
    return [
        against_chance("vendi", lambda rows: vendi(vectors[rows]), member),
        against_chance("effective_rank", lambda rows: effective_rank(vectors[rows]), member),
        against_chance("cluster_coverage", lambda rows: coverage(cluster, rows), member),
    ]


def _clusters(cluster: np.ndarray, member: np.ndarray) -> pa.Table:
    examples = np.bincount(cluster)
    removed = np.bincount(cluster[~member], minlength=len(examples))
    rows = [
        {"cluster": f"{n:02d}", "examples": int(e), "removed": int(r), "removed_share": float(r / e) if e else 0.0}
        for n, (e, r) in enumerate(zip(examples, removed, strict=True))
    ]
    return pa.Table.from_pylist(rows, schema=CLUSTER)


def _figures(figure: Figure) -> dict[str, float]:
    return {name: value for name, value in asdict(figure).items() if name in ("before", "kept")}


def _answer(messages: Sequence[StoredMessage] | None) -> str:
    last = next((m for m in reversed(messages or []) if m["role"] in ("assistant", "chosen", "response")), None)
    return " ".join(part["text"] or "" for part in last["parts"] or []).strip().lower() if last else ""


def _vectors(lake: Lake, images: Sequence[Sequence[str]], encoder: str) -> tuple[np.ndarray, np.ndarray]:
    """Unit vectors (n, d; float32) of the examples whose pictures are all embedded, and which examples they are."""
    ids = sorted({image for group in images for image in group})
    where = {"encoder": encoder, "modality": "image", "content_id": ids}
    rows = lake.read(EMBEDDINGS, where=where, columns=["content_id", "vector"]) if ids else None
    if rows is None or not rows.num_rows:
        return np.zeros((0, 0), dtype=np.float32), np.zeros(0, dtype=np.int64)
    matrix = np.frombuffer(b"".join(vector or b"" for vector in rows["vector"].to_pylist()), dtype="<f2").reshape(
        rows.num_rows, -1
    )
    at = {image: n for n, image in enumerate(rows["content_id"].to_pylist())}
    embedded = np.array([n for n, group in enumerate(images) if group and all(i in at for i in group)], dtype=np.int64)
    means = np.stack([matrix[[at[i] for i in images[n]]].astype(np.float32).mean(axis=0) for n in embedded])
    return means / np.maximum(np.linalg.norm(means, axis=1, keepdims=True), 1e-12), embedded
