"""Facets: what an event says of a table, of a job and of a run, in the words of OpenLineage's specification."""

from collections.abc import Callable, Mapping, Sequence

from openlineage.client.event_v2 import set_producer
from openlineage.client.facet_v2 import (
    DatasetFacet,
    InputDatasetFacet,
    JobFacet,
    OutputDatasetFacet,
    RunFacet,
    column_lineage_dataset,
    data_quality_assertions_dataset,
    dataset_version_dataset,
    documentation_job,
    error_message_run,
    job_type_job,
    output_statistics_output_dataset,
    ownership_job,
    parent_run,
    schema_dataset,
    tags_run,
)

from ops.audits.column_meanings import column_meaning
from ops.audits.registry import all_audits
from ops.core.arrow_types import fields
from ops.core.columns import meaning
from ops.core.schemas import TableSpec
from resources.lineage.making import Judgement, Made, Making

Name = tuple[str, str]
"""Namespace and name of a dataset."""
set_producer("urn:assay")


def of_columns(spec: TableSpec) -> dict[str, DatasetFacet]:
    """The columns of a table, with their meaning."""
    audit = next((audit for audit in all_audits().values() if audit.table.name == spec.name), None)
    columns = [
        schema_dataset.SchemaDatasetFacetFields(
            name=field.name,
            type=str(field.type),
            description=meaning(spec, field.name) if audit is None else column_meaning(audit, field.name),
        )
        for field in fields(spec.schema)
    ]
    return {"schema": schema_dataset.SchemaDatasetFacet(fields=columns)}


def of_state(made: Made, name_of: Callable[[str], Name]) -> dict[str, DatasetFacet]:
    """Where the columns come from, and the version of the table; `name_of` names the dataset of an asset."""
    facets: dict[str, DatasetFacet] = {}
    if made.table_version is not None:
        version = dataset_version_dataset.DatasetVersionDatasetFacet(datasetVersion=str(made.table_version))
        facets["version"] = version
    if made.columns:
        columns = {name: _made_of(sources, name_of) for name, sources in made.columns.items()}
        facets["columnLineage"] = column_lineage_dataset.ColumnLineageDatasetFacet(fields=columns)
    return facets


def _made_of(sources: Sequence[tuple[str, str]], name_of: Callable[[str], Name]) -> column_lineage_dataset.Fields:
    inputs = [column_lineage_dataset.InputField(*name_of(asset), column) for asset, column in sources]
    return column_lineage_dataset.Fields(inputFields=inputs)


def of_rows(made: Made) -> dict[str, OutputDatasetFacet]:
    """How many rows were made."""
    if made.rows is None:
        return {}
    return {"outputStatistics": output_statistics_output_dataset.OutputStatisticsOutputDatasetFacet(made.rows)}


def of_judgement(judgement: Judgement) -> dict[str, InputDatasetFacet]:
    """What a check said, as a whole and figure by figure."""
    whole = data_quality_assertions_dataset.Assertion(
        assertion=judgement.check,
        success=judgement.passed,
        severity=judgement.severity,
        description=judgement.words or None,
    )
    figures = [
        data_quality_assertions_dataset.Assertion(
            assertion=finding.name,
            success=finding.passed,
            severity=judgement.severity,
            expected=finding.promised,
            actual=finding.figure,
        )
        for finding in judgement.findings
    ]
    facet = data_quality_assertions_dataset.DataQualityAssertionsDatasetFacet(assertions=[whole, *figures])
    return {"dataQualityAssertions": facet}


def of_job(making: Making) -> dict[str, JobFacet]:
    """What makes the asset, and who looks after it."""
    kind = job_type_job.JobTypeJobFacet(processingType="BATCH", integration="DAGSTER", jobType="ASSET")
    facets: dict[str, JobFacet] = {"jobType": kind}
    if making.description:
        facets["documentation"] = documentation_job.DocumentationJobFacet(description=making.description)
    if making.owners:
        owners = [ownership_job.Owner(name=owner) for owner in making.owners]
        facets["ownership"] = ownership_job.OwnershipJobFacet(owners=owners)
    return facets


def of_run(making: Making, namespace: str) -> dict[str, RunFacet]:
    """The run of Dagster that it is part of, and the drop."""
    job = parent_run.Job(namespace=namespace, name=making.job)
    facets: dict[str, RunFacet] = {"parent": parent_run.ParentRunFacet(run=parent_run.Run(making.run), job=job)}
    if making.drop:
        drop = tags_run.TagsRunFacetFields(key="drop", value=making.drop, source="DAGSTER")
        facets["tags"] = tags_run.TagsRunFacet(tags=[drop])
    return facets


def of_error(error: str) -> Mapping[str, RunFacet]:
    """Why a run failed."""
    return {"errorMessage": error_message_run.ErrorMessageRunFacet(message=error, programmingLanguage="PYTHON")}
