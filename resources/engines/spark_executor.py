"""Becomes the Spark executor that a pod was made for: `python -m resources.engines.spark_executor executor`.

Spark on Kubernetes says in the pod's environment what to run, and leaves starting it to the image. Spark's own image
has a shell script for that, which the package of PySpark has not.
"""

import os
from collections.abc import Mapping
from pathlib import Path

import pyspark

from resources.engines.java import require_java

BACKEND = "org.apache.spark.scheduler.cluster.k8s.KubernetesExecutorBackend"
_OPTION = "SPARK_JAVA_OPT_"
_ARGUMENTS = {
    "--driver-url": "SPARK_DRIVER_URL",
    "--executor-id": "SPARK_EXECUTOR_ID",
    "--cores": "SPARK_EXECUTOR_CORES",
    "--app-id": "SPARK_APPLICATION_ID",
    "--hostname": "SPARK_EXECUTOR_POD_IP",
    "--resourceProfileId": "SPARK_RESOURCE_PROFILE_ID",
    "--podName": "SPARK_EXECUTOR_POD_NAME",
}


def executor_command(java: Path, environment: Mapping[str, str]) -> list[str]:
    """The command line of the executor that a pod's environment asks for; KeyError where the pod is none of Spark's."""
    numbers = sorted(int(name.removeprefix(_OPTION)) for name in environment if name.startswith(_OPTION))
    jars = Path(pyspark.__file__).parent / "jars"
    classes = [environment.get("SPARK_CLASSPATH", ""), f"{jars}/*"]
    heap = environment["SPARK_EXECUTOR_MEMORY"]
    return [
        str(java),
        *(environment[f"{_OPTION}{number}"] for number in numbers),
        f"-Xms{heap}",
        f"-Xmx{heap}",
        "-cp",
        ":".join(entry for entry in classes if entry),
        BACKEND,
        *(word for option, name in _ARGUMENTS.items() for word in (option, environment[name])),
    ]


if __name__ == "__main__":
    program = require_java().home / "bin/java"
    os.execv(program, executor_command(program, os.environ))  # noqa: S606  (no shell is wanted)
