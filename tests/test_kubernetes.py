"""infra/kubernetes agrees with itself, with the image and with Kubernetes' and KubeRay's own definitions."""

import copy
import re
import shlex
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from resources.config.settings import load_settings
from resources.config.spark_settings import SparkSettings
from tests.support.manifests import ROOT, image_user, locked, misfits, pod_specs, read, read_all, require_command

FOLDER = ROOT / "infra/kubernetes"
BASE, POSTGRES = "infra/kubernetes/base", "infra/kubernetes/postgres"
OVERLAYS = ("bare", "aws", "gcp", "azure")
#: Ports of Ray's head that others than Ray speak to.
JOBS_PORT = 8265


@cache
def documents() -> list[dict[str, Any]]:
    """All that the base and its Postgres have, before Kustomize adds the config maps."""
    return [
        document
        for folder in (BASE, POSTGRES)
        for name in read(f"{folder}/kustomization.yaml")["resources"]
        if name.endswith(".yaml")
        for document in read_all(f"{folder}/{name}")
    ]


def named(kind: str) -> dict[str, dict[str, Any]]:
    return {document["metadata"]["name"]: document for document in documents() if document["kind"] == kind}


@cache
def pods() -> list[tuple[dict[str, str], dict[str, Any]]]:
    """Labels and specification of each kind of pod, Spark's executors among them."""
    return [pod for document in [*documents(), read(f"{BASE}/executor.yaml")] for pod in pod_specs(document)]


@cache
def config_maps() -> dict[str, dict[str, str]]:
    """The keys of each config map with their content, as Kustomize generates it."""
    generated = {}
    for folder in (BASE, "infra/instance"):
        for made in read(f"{folder}/kustomization.yaml")["configMapGenerator"]:
            content = {name: (ROOT / folder / name).read_text("utf-8") for name in made.get("files", ())}
            for name in made.get("envs", ()):
                lines = (ROOT / folder / name).read_text("utf-8").splitlines()
                content |= dict(line.split("=", 1) for line in lines if not line.startswith("#"))
            generated[made["name"]] = content
    return generated


@cache
def secrets() -> dict[str, set[str]]:
    """The keys of each secret, as the comments say to make it."""
    stated: dict[str, set[str]] = {}
    for folder in (BASE, POSTGRES):
        text = (ROOT / folder / "kustomization.yaml").read_text("utf-8").replace("\\\n#", "")
        for name, words in re.findall(r"create secret generic (\S+) (.*)", text):
            stated.setdefault(name, set()).update(re.findall(r"--from-literal=(\w+)", words))
    return stated


@cache
def spark() -> SparkSettings:
    return load_settings(ROOT / BASE / "assay.yaml").spark


def selects(selector: dict[str, Any], labels: dict[str, str]) -> bool:
    terms = selector.get("matchExpressions", ())
    assert all(term["operator"] == "In" for term in terms)
    return selector.get("matchLabels", {}).items() <= labels.items() and all(
        labels.get(term["key"]) in term["values"] for term in terms
    )


def roles(selector: dict[str, Any]) -> set[str]:
    """What the pods are that a selector takes."""
    return {role(labels) for labels, _ in pods() if selects(selector, labels)}


def role(labels: dict[str, str]) -> str:
    return labels.get("app.kubernetes.io/component") or labels["ray.io/node-type"]


def environment(container: dict[str, Any]) -> set[str]:
    """The names that a container is given, each of which must be there to give."""
    names = set()
    for source in container.get("envFrom", ()):
        if "configMapRef" in source:
            names |= set(config_maps()[source["configMapRef"]["name"]])
        else:
            names |= secrets()[source["secretRef"]["name"]]
    for variable in container.get("env", ()):
        names.add(variable["name"])
        source = variable.get("valueFrom", {})
        if key := source.get("configMapKeyRef"):
            assert key["key"] in config_maps()[key["name"]]
        elif key := source.get("secretKeyRef"):
            assert key["key"] in secrets()[key["name"]]
    return names


def test_each_file_is_one_of_the_base() -> None:
    for folder in (BASE, POSTGRES):
        stated = read(f"{folder}/kustomization.yaml")
        files = {
            name
            for made in stated.get("configMapGenerator", ())
            for key in ("files", "envs")
            for name in made.get(key, ())
        }
        files |= {name for name in stated["resources"] if "/" not in name}
        assert {path.name for path in (ROOT / folder).iterdir()} == files | {"kustomization.yaml"}
    assert {path.parent.name for path in FOLDER.glob("*/kustomization.yaml")} == {"base", "postgres", *OVERLAYS}
    names = [(document["kind"], document["metadata"]["name"]) for document in documents()]
    assert len(set(names)) == len(names)


def test_kubernetes_and_kuberay_take_what_stands_there() -> None:
    by_kind = {document["kind"]: document for document in [*documents(), read(f"{BASE}/executor.yaml")]}
    assert by_kind.keys() >= {"Deployment", "StatefulSet", "RayCluster", "NetworkPolicy", "Role", "Pod", "Service"}
    assert [(document["kind"], wrong) for document in documents() for wrong in misfits(document)] == []
    for kind in ("Deployment", "RayCluster"):
        misspelt = copy.deepcopy(by_kind[kind])
        (_, spec), *_ = pod_specs(misspelt)
        spec["containers"][0]["imagePullpolicy"] = "Always"
        assert "imagePullpolicy" in misfits(misspelt)[0]


def test_pods_run_commands_of_the_image_with_what_is_there() -> None:
    accounts = named("ServiceAccount")
    assert len(pods()) == 7
    for labels, spec in pods():
        assert spec.get("serviceAccountName", "assay") in accounts
        volumes = {volume["name"]: volume for volume in spec.get("volumes", ())}
        claimed = {"records"} if role(labels) == "postgres" else set()
        for volume in volumes.values():
            assert "emptyDir" in volume or volume["configMap"]["name"] in config_maps()
        for container in [*spec.get("initContainers", ()), *spec["containers"]]:
            environment(container)
            assert {mount["name"] for mount in container.get("volumeMounts", ())} <= volumes.keys() | claimed
            command = [*container.get("command", ()), *container.get("args", ())]
            if container.get("image", "assay") == "assay" and command:
                require_command(shlex.join(command))


def test_pods_have_no_more_rights_than_they_need() -> None:
    for labels, spec in pods():
        security = spec["securityContext"]
        own = 999 if role(labels) == "postgres" else image_user()
        assert security["runAsUser"] == security["fsGroup"] == own
        assert security["runAsNonRoot"]
        assert security["seccompProfile"] == {"type": "RuntimeDefault"}
        for container in [*spec.get("initContainers", ()), *spec["containers"]]:
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "capabilities": {"drop": ["ALL"]},
            }
        asks_kubernetes = spec.get("automountServiceAccountToken", True)
        assert asks_kubernetes == (role(labels) == "head"), "the head alone has a token of Kubernetes"
    (binding,) = named("RoleBinding").values()
    assert [subject["name"] for subject in binding["subjects"]] == ["assay-head"]
    assert binding["roleRef"]["name"] in named("Role")


def test_an_instance_is_configured_where_dagster_runs() -> None:
    """In the folder that DAGSTER_HOME names, from the files that the compose file takes, on a volume that both see."""
    home = config_maps()["assay-environment"]["DAGSTER_HOME"]
    taken = re.findall(r"infra/instance/(\S+)", (ROOT / "infra/compose-cluster.yaml").read_text("utf-8"))
    for labels, spec in pods():
        if role(labels) not in ("webserver", "daemon", "head"):
            continue
        (first,), (container,) = spec["initContainers"], spec["containers"]
        mounts = {mount["mountPath"]: mount["name"] for mount in first["volumeMounts"]}
        volumes = {volume["name"]: volume for volume in spec["volumes"]}
        assert volumes[mounts["/etc/dagster"]]["configMap"]["name"] == "assay-instance"
        assert shlex.split(first["command"][2])[:-2] == ["cd", "/etc/dagster", "&&", "cat", *taken]
        assert shlex.split(first["command"][2])[-2:] == [">", "$DAGSTER_HOME/dagster.yaml"]
        assert {"name": mounts[home], "mountPath": home} in container["volumeMounts"]
        assert {"ASSAY_LAKE", "ASSAY_CONFIG", "DAGSTER_POSTGRES_URL"} <= environment(container)
    assert set(taken) == set(config_maps()["assay-instance"])


def test_the_settings_are_where_assay_looks_for_them() -> None:
    path = Path(config_maps()["assay-environment"]["ASSAY_CONFIG"])
    assert path.name in config_maps()["assay-settings"]
    for labels, spec in pods():
        if role(labels) in ("webserver", "daemon", "head"):
            (container,) = spec["containers"]
            mounts = {mount["mountPath"]: mount["name"] for mount in container["volumeMounts"]}
            assert {"name": mounts[str(path.parent)], "configMap": {"name": "assay-settings"}} in spec["volumes"]
    template = Path((spark().options or {})["spark.kubernetes.executor.podTemplateFile"])
    assert (template.parent, template.name in config_maps()["assay-settings"]) == (path.parent, True)


def test_runs_are_jobs_of_the_cluster_with_its_token() -> None:
    (cluster,) = named("RayCluster").values()
    address = config_maps()["assay-environment"]["ASSAY_RAY_JOBS"]
    assert address == f"http://{cluster['metadata']['name']}-head-svc:{JOBS_PORT}"
    assert cluster["spec"]["authOptions"] == {"mode": "token", "secretName": "assay-ray"}
    assert cluster["spec"]["rayVersion"] == locked("requirements.lock")["ray"]
    for labels, spec in pods():
        if role(labels) in ("webserver", "daemon"):
            (container,) = spec["containers"]
            given = {variable["name"]: variable for variable in container["env"]}
            assert given["RAY_AUTH_MODE"]["value"] == "token"
            assert given["RAY_AUTH_TOKEN"]["valueFrom"]["secretKeyRef"]["name"] == "assay-ray"


def test_nodes_come_when_they_are_asked_for() -> None:
    (cluster,) = named("RayCluster").values()
    assert cluster["spec"]["enableInTreeAutoscaling"]
    groups = {group["groupName"]: group for group in cluster["spec"]["workerGroupSpecs"]}
    assert groups.keys() == {"cpu", "gpu"}
    for name, group in groups.items():
        assert group["replicas"] == group["minReplicas"] == 0 < group["maxReplicas"]
        (container,) = group["template"]["spec"]["containers"]
        assert container["resources"]["requests"] == container["resources"]["limits"], "Ray counts what it is given"
        assert ("nvidia.com/gpu" in container["resources"]["limits"]) == (name == "gpu")


def test_services_lead_to_ports_of_pods_and_out_of_the_cluster_to_none() -> None:
    services = named("Service")
    for service in services.values():
        spec = service["spec"]
        assert spec.get("type", "ClusterIP") == "ClusterIP"
        assert len(roles({"matchLabels": spec["selector"]})) == 1
    assert roles({"matchLabels": services["assay-driver"]["spec"]["selector"]}) == {"head"}
    ports = {port["name"]: str(port["port"]) for port in services["assay-driver"]["spec"]["ports"]}
    options = spark().options or {}
    assert ports == {
        "driver": options["spark.driver.port"],
        "blocks": options["spark.driver.blockManager.port"],
    }
    assert "assay-ui 3000:3000" in (ROOT / BASE / "kustomization.yaml").read_text("utf-8")
    assert services["assay-ui"]["spec"]["ports"][0]["port"] == 3000


def test_only_who_must_speaks_to_a_pod() -> None:
    """Every pod is of a policy; what each lets in, by who it is and the ports."""
    let: dict[str, set[tuple[str, str]]] = {role(labels): set() for labels, _ in pods()}
    held = set()
    for policy in named("NetworkPolicy").values():
        spec = policy["spec"]
        assert spec["policyTypes"] == ["Ingress"]
        for mine in (taken := roles(spec["podSelector"])):
            for rule in spec.get("ingress", ()):
                ports = [f"{port['port']}-{port.get('endPort', port['port'])}" for port in rule.get("ports", ())] or [
                    "all"
                ]
                others = {other for term in rule["from"] for other in roles(term["podSelector"])}
                let[mine] |= {(other, port) for other in others for port in ports}
        held |= taken
    assert held == let.keys()
    driver, blocks = "7100-7116", "7200-7216"
    ray = {("head", "all"), ("worker", "all")}
    assert let == {
        "webserver": set(),
        "daemon": set(),
        "worker": ray,
        "head": ray
        | {(name, f"{JOBS_PORT}-{JOBS_PORT}") for name in ("webserver", "daemon")}
        | {("executor", driver), ("executor", blocks)},
        "executor": {("head", blocks), ("executor", blocks)},
        "postgres": {(name, "5432-5432") for name in ("webserver", "daemon", "head")},
    }


def test_spark_listens_on_ports_that_are_let_in() -> None:
    options = spark().options or {}
    tries = int(options["spark.port.maxRetries"])
    first = [int(options[name]) for name in ("spark.driver.port", "spark.driver.blockManager.port")]
    assert options["spark.blockManager.port"] == options["spark.driver.blockManager.port"]
    ends = {
        (port["port"], port.get("endPort"))
        for policy in named("NetworkPolicy").values()
        for rule in policy["spec"].get("ingress", ())
        for port in rule.get("ports", ())
    }
    assert {(port, port + tries) for port in first} <= ends
    assert spark().driver_host in named("Service")
    assert options["spark.kubernetes.authenticate.executor.serviceAccountName"] in named("ServiceAccount")


@pytest.fixture(scope="module")
def kubectl() -> str:
    program = shutil.which("kubectl")
    if program is None:
        pytest.skip("no kubectl here")
    return program


def built(kubectl: str, overlay: str) -> list[dict[str, Any]]:
    """What `kubectl apply -k` would apply."""
    command = [kubectl, "kustomize", FOLDER / overlay]
    text = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout
    return list(YAML(typ="safe").load_all(text))


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_kustomize_builds_what_kubernetes_takes(kubectl: str, overlay: str) -> None:
    whole = built(kubectl, overlay)
    assert [(document["kind"], wrong) for document in whole for wrong in misfits(document)] == []
    assert {document["metadata"]["namespace"] for document in whole} == {"assay"}
    maps = {document["metadata"]["name"]: document["data"] for document in whole if document["kind"] == "ConfigMap"}
    assert maps.keys() == config_maps().keys()
    for name in ("assay-instance", "assay-settings"):
        assert maps[name] == config_maps()[name]
    images = {
        container["image"]
        for document in whole
        for _, spec in pod_specs(document)
        for container in [*spec.get("initContainers", ()), *spec["containers"]]
    }
    assert images - {"postgres:17"} == {maps["assay-environment"]["ASSAY_IMAGE"]}, "Spark's executors have the same"
    assert ("postgres:17" in images) == (overlay == "bare")


def test_an_overlay_adds_what_its_cloud_wants(kubectl: str) -> None:
    for overlay, word in (("aws", "eks"), ("gcp", "gke"), ("azure", "azure")):
        whole = built(kubectl, overlay)
        accounts = [document for document in whole if document["kind"] == "ServiceAccount"]
        assert len(accounts) == 2
        assert all(word in " ".join(account["metadata"]["annotations"]) for account in accounts)
        (cluster,) = (document for document in whole if document["kind"] == "RayCluster")
        chosen = [group["template"]["spec"].get("nodeSelector") for group in cluster["spec"]["workerGroupSpecs"]]
        assert chosen[0] is None
        assert word in " ".join(chosen[1])
        marked = [labels.get("azure.workload.identity/use") for document in whole for labels, _ in pod_specs(document)]
        assert marked == [("true" if overlay == "azure" else None)] * 5
