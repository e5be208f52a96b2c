"""Which shard checks and stages an image that several show: an actor that tasks ask."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import ray
from ray.exceptions import RayActorError

from resources.engines.ray_types import get


class Claims:
    """Which shard is to check and stage an image: the first that asks. An actor that serves one ingest after another;
    asked again by the same shard, as a task run twice does, it gives the same answer.

    Nothing depends on what it remembers: an actor that was killed begins anew with the next question, and an image
    that two shards then stage lies in the lake twice until compaction, which harms nobody."""

    def __init__(self) -> None:
        self.ingests: dict[str, dict[str, str]] = {}

    def begin(self, delivery: str, done: Mapping[str, Sequence[str]]) -> None:
        """An ingest begins. `done` has the images of shards that an earlier run of it finished."""
        self.ingests[delivery] = {image: shard for shard, images in done.items() for image in images}

    def claim(self, delivery: str, shard: str, image_ids: Sequence[str]) -> list[str]:
        """Those of the images that are the shard's."""
        owners = self.ingests.setdefault(delivery, {})
        return [image for image in image_ids if owners.setdefault(image, shard) == shard]

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

    def claim(self, shard: str, image_ids: Sequence[str]) -> Sequence[str]:
        """See `Claims.claim`. Of an actor that is gone for good the shard gets them all: what another takes as well
        harms nobody."""
        try:
            return get(self.actor.claim.remote(self.delivery, shard, image_ids))
        except RayActorError:
            return image_ids

    def end(self) -> None:
        """The ingest has every shard."""
        self.actor.end.remote(self.delivery)


@dataclass(frozen=True, slots=True)
class OwnClaims:
    """The claims of one ingest that is done in this process."""

    claims: Claims
    delivery: str

    def claim(self, shard: str, image_ids: Sequence[str]) -> Sequence[str]:
        """See `Claims.claim`."""
        return self.claims.claim(self.delivery, shard, image_ids)

    def end(self) -> None:
        """The ingest has every shard."""
        self.claims.end(self.delivery)


def begin_claims(delivery: str, done: Mapping[str, Sequence[str]]) -> ClaimsOf | OwnClaims:
    """The actor of this Ray session, told of an ingest, or claims of this process where no Ray runs. `done` has the
    images of shards that an earlier run of it finished."""
    if not ray.is_initialized():
        claims = Claims()
        claims.begin(delivery, done)
        return OwnClaims(claims, delivery)
    runtime = ray.get_runtime_context()
    session = f"{runtime.get_node_id()} {runtime.get_job_id()}"
    actor = session_actor(session)
    try:
        ray.get(actor.begin.remote(delivery, done))
    except RayActorError:  # killed for good, as `ray kill` does it
        session_actor.cache_clear()
        actor = session_actor(session)
        ray.get(actor.begin.remote(delivery, done))
    return ClaimsOf(actor, delivery)


@cache
def session_actor(ray_session: str) -> Any:
    """The actor of this Ray session: a new one for each ingest would cost the start of a process each time."""
    return ray.remote(num_cpus=0, max_restarts=-1, max_task_retries=-1)(Claims).remote()
