"""Which shard checks and stages an image that several show: an actor that tasks ask."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import ray
from numpy.typing import NDArray
from ray.exceptions import RayActorError

from ops.core.schemas import IMAGES
from resources.lake.tables import Lake


class Share(NamedTuple):
    """Of the images that a shard asks about, those that it is to check, and of these those that are not in the lake."""

    checked: Sequence[str]
    absent: Sequence[str]


@dataclass(slots=True)
class _Ingest:
    """The claims of one ingest: the shard that owns each image, and the images that were in the lake before, sorted."""

    owners: dict[str, str]
    known: NDArray[np.bytes_]


class Claims:
    """Which shard is to check and stage an image: the first that asks. An actor that serves one ingest after another;
    asked again by the same shard, as a task run twice does, it gives the same answer.

    Nothing depends on what it remembers: an actor that was killed begins anew with the next question, and an image
    that two shards then stage is committed once."""

    def __init__(self) -> None:
        self.ingests: dict[str, _Ingest] = {}

    def begin(self, delivery: str, lake: Lake, done: Mapping[str, Sequence[str]]) -> None:
        """An ingest begins. `done` has the images of shards that an earlier run of it finished."""
        owners = {image: shard for shard, images in done.items() for image in images}
        columns = [batch.column(0).cast(pa.string()) for batch in lake.batches(IMAGES, columns=["image_id"])]
        known = [column.to_numpy(zero_copy_only=False).astype("S64") for column in columns]
        self.ingests[delivery] = _Ingest(owners, np.sort(np.concatenate([*known, np.array([], "S64")])))

    def claim(self, delivery: str, lake: Lake, shard: str, image_ids: Sequence[str]) -> Share:
        """The shard's share of these images."""
        if delivery not in self.ingests:
            self.begin(delivery, lake, {})
        ingest = self.ingests[delivery]
        checked = [image for image in image_ids if ingest.owners.setdefault(image, shard) == shard]
        wanted = np.array(checked, "S64")
        places = np.searchsorted(ingest.known, wanted)
        absent = [
            image
            for image, key, place in zip(checked, wanted, places, strict=True)
            if place == len(ingest.known) or ingest.known[place] != key
        ]
        return Share(checked, absent)

    def process(self) -> int:
        """The process it lives in."""
        return os.getpid()

    def end(self, delivery: str) -> None:
        """The ingest has every shard."""
        self.ingests.pop(delivery, None)


@dataclass(frozen=True, slots=True)
class ClaimsOf:
    """The actor as the tasks of one ingest ask it."""

    actor: Any
    delivery: str
    lake: Lake

    def claim(self, shard: str, image_ids: Sequence[str]) -> Share:
        """See `Claims.claim`. Of an actor that is gone for good the shard gets them all: what another takes as well is
        committed once."""
        try:
            return ray.get(self.actor.claim.remote(self.delivery, self.lake, shard, image_ids))
        except RayActorError:
            return Share(image_ids, image_ids)

    def end(self) -> None:
        """The ingest has every shard."""
        self.actor.end.remote(self.delivery)


def begin_claims(delivery: str, lake: Lake, done: Mapping[str, Sequence[str]]) -> ClaimsOf:
    """The actor of this Ray session, told of an ingest. `done` has the images of shards that an earlier run of it
    finished."""
    runtime = ray.get_runtime_context()
    session = f"{runtime.get_node_id()} {runtime.get_job_id()}"
    actor = session_actor(session)
    try:
        ray.get(actor.begin.remote(delivery, lake, done))
    except RayActorError:  # killed for good, as `ray kill` does it
        session_actor.cache_clear()
        actor = session_actor(session)
        ray.get(actor.begin.remote(delivery, lake, done))
    return ClaimsOf(actor, delivery, lake)


@cache
def session_actor(ray_session: str) -> Any:
    """The actor of this Ray session: a new one for each ingest would cost the start of a process each time."""
    return ray.remote(num_cpus=0, max_restarts=-1, max_task_retries=-1)(Claims).remote()
