"""The asset graph as a page that a reviewer reads: graph.txt. When a change to it is meant, write it anew with
`python -m tests.assets.test_graph`."""

from pathlib import Path

import dagster as dg

from pipelines.definitions import bind
from resources.config.settings import load_settings

SNAPSHOT = Path(__file__).with_name("graph.txt")


def described() -> str:
    """One line an asset (group, key, how it is partitioned, what it depends on), then checks, jobs and what starts
    them."""
    definitions = bind("lake", load_settings(None))
    graph = definitions.resolve_asset_graph()
    lines = []
    for key in sorted(graph.materializable_asset_keys, key=lambda k: (graph.get(k).group_name, k)):
        node = graph.get(key)
        by = "by drop" if node.partitions_def else "whole"
        needs = ", ".join(sorted(parent.to_user_string() for parent in node.parent_keys)) or "nothing"
        lines.append(f"{node.group_name:<8} {key.to_user_string():<32} {by:<8} <- {needs}")
    lines += [f"check    {check.asset_key.to_user_string()}: {check.name}" for check in sorted(graph.asset_check_keys)]
    lines += [f"job      {job.name}" for job in definitions.jobs or []]
    lines += [_schedule(schedule) for schedule in definitions.schedules or []]
    lines += [_sensor(sensor) for sensor in definitions.sensors or []]
    return "\n".join(lines) + "\n"


def _schedule(schedule: object) -> str:
    assert isinstance(schedule, dg.ScheduleDefinition)
    return f"schedule {schedule.name} {schedule.cron_schedule} -> {schedule.job_name}"


def _sensor(sensor: dg.SensorDefinition) -> str:
    return f"sensor   {sensor.name} -> {', '.join(job.name for job in sensor.jobs) if sensor.targets else 'alerts'}"


def test_graph_is_as_reviewed() -> None:
    assert described() == SNAPSHOT.read_text()


if __name__ == "__main__":
    SNAPSHOT.write_text(described())
