"""The events, as OpenLineage's specification 2.0 has them: a run of a job for each asset, and one for each check.

Datasets have the names that others give them who read the tables, such as OpenLineage's own listener in Spark.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from urllib.parse import urlsplit
from uuid import UUID, uuid5

from openlineage.client.event_v2 import InputDataset, Job, OutputDataset, Run, RunEvent, RunState
from openlineage.client.facet_v2 import RunFacet

from ops.core.schemas import TableSpec
from resources.config.places import is_address
from resources.lake.tables import Lake
from resources.lineage import facets
from resources.lineage.making import Judgement, Made, Making, spec_of

NOTHING = Made()
NO_FACETS: Mapping[str, RunFacet] = {}


class Events:
    """The events of one lake, whose jobs stand in a namespace of its own."""

    def __init__(self, lake: Lake) -> None:
        self.root = lake.root
        self.namespace = f"assay:{lake.root}"

    def started(self, making: Making) -> RunEvent:
        """That the asset is being made."""
        return self._event(making, RunState.START, outputs=self._outputs(making, NOTHING))

    def made(self, making: Making, made: Made) -> RunEvent:
        """That it is made: with its columns, where each comes from, its rows, and the version of its table."""
        return self._event(making, RunState.COMPLETE, outputs=self._outputs(making, made))

    def failed(self, making: Making, error: str) -> RunEvent:
        """That it could not be made, and why."""
        return self._event(making, RunState.FAIL, extra=facets.of_error(error))

    def passed_over(self, making: Making) -> RunEvent:
        """That its step ended well without making it, as of a drop that was rejected."""
        return self._event(making, RunState.ABORT)

    def judged(self, making: Making, judgement: Judgement) -> list[RunEvent]:
        """A check of it, from start to end: assertions on an input, for a check makes nothing."""
        specs = _specs([making.asset])
        assertions = facets.of_judgement(judgement)
        inputs = [
            InputDataset(*self._name(spec), facets=facets.of_columns(spec), inputFacets=assertions) for spec in specs
        ]
        job = f"{making.asset}.{judgement.check}"
        return [
            self._run(making, RunState.START, job=job, inputs=[]),
            self._run(making, RunState.COMPLETE, job=job, inputs=inputs),
        ]

    def _event(
        self,
        making: Making,
        state: RunState,
        *,
        outputs: Sequence[OutputDataset] = (),
        extra: Mapping[str, RunFacet] = NO_FACETS,
    ) -> RunEvent:
        inputs = [InputDataset(*self._name(spec), facets=facets.of_columns(spec)) for spec in _specs(making.inputs)]
        return self._run(making, state, job=making.asset, inputs=inputs, outputs=outputs, extra=extra)

    def _run(
        self,
        making: Making,
        state: RunState,
        *,
        job: str,
        inputs: Sequence[InputDataset],
        outputs: Sequence[OutputDataset] = (),
        extra: Mapping[str, RunFacet] = NO_FACETS,
    ) -> RunEvent:
        run = str(uuid5(UUID(making.run), f"{job} {making.attempt}"))
        return RunEvent(
            eventTime=datetime.now(UTC).isoformat(),
            eventType=state,
            run=Run(run, facets={**facets.of_run(making, self.namespace), **extra}),
            job=Job(self.namespace, job, facets=facets.of_job(making)),
            inputs=list(inputs),
            outputs=list(outputs),
        )

    def _outputs(self, making: Making, made: Made) -> list[OutputDataset]:
        return [
            OutputDataset(
                *self._name(spec),
                facets={**facets.of_columns(spec), **facets.of_state(made, self._name_of)},
                outputFacets=facets.of_rows(made),
            )
            for spec in _specs([making.asset])
        ]

    def _name_of(self, asset: str) -> facets.Name:
        spec = spec_of(asset)
        if spec is None:
            raise ValueError(f"{asset} is no table, so no column comes from it")
        return self._name(spec)

    def _name(self, spec: TableSpec) -> facets.Name:
        return dataset_name(f"{self.root}/{spec.name}")


def dataset_name(place: str) -> facets.Name:
    """Namespace and name of the dataset that lies there: an address in a store, or a local path."""
    if not is_address(place):
        return "file", place
    address = urlsplit(place)
    return f"{address.scheme}://{address.netloc}", address.path.strip("/")


def _specs(assets: Iterable[str]) -> list[TableSpec]:
    """Of those that are tables."""
    return [spec for spec in map(spec_of, assets) if spec is not None]
