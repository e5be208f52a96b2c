"""What tests of clusters have done on a node, called by name (`Node.call`)."""

import json
import os

from ops.core.measure_schemas import EMBEDDINGS
from resources.lake.tables import Lake
from tests.support.embedded import add, drawn, embed

TEXTS = 50
"""Different texts of a delivery."""


def opened(lake: str) -> Lake:
    """A lake on the S3 server, or in a folder of this node."""
    return Lake(lake, {name: value for name, value in os.environ.items() if name.startswith("AWS_")})


def fill(lake: str, pictures: int, distinct: int) -> int:
    """A delivery called `first` of so many examples; returns how many contents it has."""
    place = opened(lake)
    made = [drawn(seed) for seed in range(distinct)]
    texts = [f"text {at % TEXTS}" for at in range(pictures)]
    add(place, "first", [made[at % distinct] for at in range(pictures)], texts)
    return distinct + TEXTS


def embed_first(lake: str, images_an_actor: int, flush_rows: int = 4096) -> dict[str, object]:
    """Embeds it, with an encoder for each so many images, where there is room."""
    from resources.engines.ray import start_ray
    from resources.models import encoding

    encoding._IMAGES_AN_ACTOR, encoding.FLUSH_ROWS, encoding._COMMIT_S = images_an_actor, flush_rows, 5
    place = opened(lake)
    start_ray(lake=place, patience_s=240)
    return embed(place, "first").metadata()


def embedded(lake: str) -> dict[str, int]:
    """Rows of `embeddings`, and distinct contents."""
    ids = opened(lake).read(EMBEDDINGS, columns=["content_id"])["content_id"].to_pylist()
    return {"rows": len(ids), "distinct": len(set(ids))}


def cluster() -> list[str]:
    """Resources of the nodes that are alive."""
    import ray

    from resources.engines.ray import start_ray

    start_ray()
    held = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    return sorted(json.dumps({name: int(node.get(name, 0)) for name in ("CPU", "GPU")}) for node in held)


def refused(lake: str) -> str:
    """Why the cluster's nodes cannot work on that lake; empty where they can."""
    from resources.engines.nodes import NodeError
    from resources.engines.ray import start_ray

    try:
        start_ray(lake=opened(lake))
    except NodeError as error:
        return str(error)
    return ""
