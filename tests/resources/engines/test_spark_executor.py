"""What a pod that Spark made is to become."""

from pathlib import Path

import pytest

from resources.engines.spark_executor import BACKEND, executor_command


def test_an_executor_is_what_its_pod_asks_for() -> None:
    options = {f"SPARK_JAVA_OPT_{number}": f"-Dn={number} {number}" for number in (10, 2, 0)}
    named = ("DRIVER_URL", "EXECUTOR_ID", "EXECUTOR_CORES", "APPLICATION_ID", "EXECUTOR_POD_IP", "RESOURCE_PROFILE_ID")
    environment = {f"SPARK_{name}": name for name in (*named, "EXECUTOR_POD_NAME")} | {"SPARK_EXECUTOR_MEMORY": "3m"}
    command = executor_command(Path("/java"), environment | options)
    assert command[:6] == ["/java", "-Dn=0 0", "-Dn=2 2", "-Dn=10 10", "-Xms3m", "-Xmx3m"]
    assert list(Path(command[7].removesuffix("*")).glob("spark-kubernetes_*.jar"))
    assert command[8] == BACKEND
    assert dict(zip(command[9::2], command[10::2], strict=True))["--podName"] == "EXECUTOR_POD_NAME"
    with pytest.raises(KeyError):
        executor_command(Path("/java"), options)
