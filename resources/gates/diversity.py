"""Diversity of a candidate on a sample of the corpus: pictures by their embeddings, answers by their words."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
import pyarrow as pa

from ops.core.measure_schemas import EMBEDDINGS
from ops.core.stored import StoredMessage
from ops.gates.diversity import Figure, against_chance, answer_bits, clustered, coverage, effective_rank, vendi
from resources.gates.sample import Sample
from resources.lake.tables import Lake

CLUSTERS = 50
_ASKING = ("user", "system")
_LEAST = 200
"""Below so many examples with a picture there is no figure: chance decides too much."""

DIVERSITY = pa.schema([("figure", pa.string()), *((n, pa.float64()) for n in ("before", "kept", "random", "ratio"))])
CLUSTER = pa.schema(
    [("cluster", pa.string()), ("examples", pa.int64()), ("removed", pa.int64()), ("removed_share", pa.float64())]
)


@dataclass(frozen=True, slots=True)
class Embedded:
    """Unit vectors (n, d; float32) of those examples whose pictures are all embedded, means over each one's pictures,
    and which examples they are (n)."""

    vectors: np.ndarray
    places: np.ndarray


def diversity(sample: Sample, embedded: Embedded) -> dict[str, pa.Table]:
    """How diverse what is left of the sample is: facts by name (`diversity`, a row a figure: figure, before, kept,
    random, ratio, which is kept over random; `clusters`, a row a cluster of pictures: cluster, examples, removed,
    removed_share). The tables are empty where too little is known."""
    member = sample.member
    answers = np.unique([answer_of(row["messages"]) for row in sample.rows], return_inverse=True)[1]
    figures = [against_chance("answer_bits", lambda rows: answer_bits(answers[rows]), member)]
    clusters = CLUSTER.empty_table()
    if len(embedded.vectors) >= _LEAST:
        cluster = clustered(embedded.vectors, CLUSTERS)
        figures += _of_pictures(embedded.vectors, cluster, member[embedded.places])
        clusters = _clusters(cluster, member[embedded.places])
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


def answer_of(messages: Sequence[StoredMessage] | None) -> str:
    """What is learnt to say at the end, in small letters."""
    last = next((m for m in reversed(messages or []) if m["role"] in ("assistant", "chosen", "response")), None)
    return " ".join(part["text"] or "" for part in last["parts"] or []).strip().lower() if last else ""


def question_of(messages: Sequence[StoredMessage] | None) -> str:
    """What is asked, and what the system says."""
    asked = [part["text"] or "" for m in messages or () if m["role"] in _ASKING for part in m["parts"] or ()]
    return " ".join(asked)


def mean_vectors(lake: Lake, images: Sequence[Sequence[str]], encoder: str) -> Embedded:
    """Of examples that show these images."""
    ids = sorted({image for group in images for image in group})
    where = {"encoder": encoder, "modality": "image", "content_id": ids}
    rows = lake.read(EMBEDDINGS, where=where, columns=["content_id", "vector"]) if ids else None
    if rows is None or not rows.num_rows:
        return Embedded(np.zeros((0, 0), dtype=np.float32), np.zeros(0, dtype=np.int64))
    matrix = np.frombuffer(b"".join(vector or b"" for vector in rows["vector"].to_pylist()), dtype="<f2").reshape(
        rows.num_rows, -1
    )
    at = {image: n for n, image in enumerate(rows["content_id"].to_pylist())}
    places = np.array([n for n, group in enumerate(images) if group and all(i in at for i in group)], dtype=np.int64)
    means = np.stack([matrix[[at[i] for i in images[n]]].astype(np.float32).mean(axis=0) for n in places])
    return Embedded(means / np.maximum(np.linalg.norm(means, axis=1, keepdims=True), 1e-12), places)
