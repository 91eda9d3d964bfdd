"""deploy/kubernetes: that the API server would take it, and that its parts fit each other and our processes."""

from __future__ import annotations

import importlib
from typing import Any

import pytest

from tests.deploy.files import (
    DEPLOY,
    LEAVING_SECONDS,
    ROOT,
    SECRETS,
    SETTINGS,
    read_all_yaml,
    read_yaml,
)

FOLDER = DEPLOY / "kubernetes"
KUSTOMIZATION: dict[str, Any] = read_yaml(FOLDER / "kustomization.yaml")
FILES = sorted(path for path in FOLDER.glob("*.yaml") if path.name != "kustomization.yaml")
OBJECTS: list[dict[str, Any]] = [found for path in FILES for found in read_all_yaml(path)]

API_VERSIONS = {
    "ConfigMap": "v1",
    "Secret": "v1",
    "Service": "v1",
    "Deployment": "apps/v1",
    "StatefulSet": "apps/v1",
    "PodDisruptionBudget": "policy/v1",
}
NAMES_OF_OTHERS = {"POSTGRES_USER", "POSTGRES_DB", "POSTGRES_PASSWORD", "PGDATA"}


def of_kind(*kinds: str) -> list[dict[str, Any]]:
    return [found for found in OBJECTS if found["kind"] in kinds]


WORKLOADS = of_kind("Deployment", "StatefulSet")


def called(found: Any) -> str:
    return f"{found['kind']}-{found['metadata']['name']}"


def pod(workload: dict[str, Any]) -> dict[str, Any]:
    spec: dict[str, Any] = workload["spec"]["template"]["spec"]
    return spec


def container(workload: dict[str, Any]) -> dict[str, Any]:
    (only,) = pod(workload)["containers"]
    assert isinstance(only, dict)
    return only


def the(kind: str, name: str) -> dict[str, Any]:
    (found,) = [one for one in of_kind(kind) if one["metadata"]["name"] == name]
    return found


def environment(workload: dict[str, Any]) -> dict[str, Any]:
    return {variable["name"]: variable for variable in container(workload).get("env", [])}


@pytest.mark.parametrize("found", OBJECTS, ids=called)
def test_it_fits_the_schemas_of_kubernetes(found: dict[str, Any]) -> None:
    try:
        schemas: Any = importlib.import_module("kubernetes_validate")
    except ImportError:
        pytest.skip("no kubernetes-validate; the other tests of this file look at what matters most by hand")
    schemas.validate(found, "1.31", strict=True)


@pytest.mark.parametrize("found", OBJECTS, ids=called)
def test_its_kind_and_version_belong_together(found: dict[str, Any]) -> None:
    assert API_VERSIONS[found["kind"]] == found["apiVersion"]
    assert found["metadata"]["name"]


def test_all_files_but_the_secret_are_applied() -> None:
    assert set(KUSTOMIZATION["resources"]) == {path.name for path in FILES} - {"secret.example.yaml"}


@pytest.mark.parametrize("workload", WORKLOADS, ids=called)
def test_a_workload_selects_its_own_pods(workload: dict[str, Any]) -> None:
    labels = workload["spec"]["template"]["metadata"]["labels"]
    assert workload["spec"]["selector"]["matchLabels"].items() <= labels.items()


@pytest.mark.parametrize("found", of_kind("Service", "PodDisruptionBudget"), ids=called)
def test_what_selects_pods_selects_those_of_one_workload(found: dict[str, Any]) -> None:
    selector = found["spec"]["selector"]
    wanted = selector.get("matchLabels", selector).items()
    chosen = [one for one in WORKLOADS if wanted <= one["spec"]["template"]["metadata"]["labels"].items()]
    assert [one["metadata"]["name"] for one in chosen] == [found["metadata"]["name"]]


@pytest.mark.parametrize("service", of_kind("Service"), ids=called)
def test_a_service_leads_to_a_port_that_has_this_name(service: dict[str, Any]) -> None:
    (workload,) = [one for one in WORKLOADS if one["metadata"]["name"] == service["metadata"]["name"]]
    named = {port["name"] for port in container(workload)["ports"]}
    assert {port["targetPort"] for port in service["spec"]["ports"]} <= named


@pytest.mark.parametrize("workload", WORKLOADS, ids=called)
def test_pods_are_asked_how_they_are_at_a_port_that_they_have(workload: dict[str, Any]) -> None:
    only = container(workload)
    named = {port["name"] for port in only["ports"]}
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        asked = only[probe].get("httpGet", {"port": next(iter(named))})
        assert asked["port"] in named


@pytest.mark.parametrize(
    ("name", "variable"), [("registry", "REGISTRY_PORT"), ("worker", "WORKER_PORT"), ("models", "LOCAL_MODELS_PORT")]
)  # fmt: skip
def test_processes_listen_where_they_are_asked(name: str, variable: str) -> None:
    workload = the("Deployment", name)
    (port,) = container(workload)["ports"]
    assert environment(workload)[variable]["value"] == str(port["containerPort"])
    host = environment(workload)[variable.replace("_PORT", "_HOST")]["value"]
    assert host == "0.0.0.0", "the kubelet asks from outside the pod"


def test_the_registry_is_asked_at_the_paths_that_it_has() -> None:
    only = container(the("Deployment", "registry"))
    assert only["livenessProbe"]["httpGet"]["path"] == "/healthz"
    assert only["readinessProbe"]["httpGet"]["path"] == "/readyz"


@pytest.mark.parametrize("workload", WORKLOADS, ids=called)
def test_every_variable_that_is_set_is_one_that_somebody_reads(workload: dict[str, Any]) -> None:
    assert set(environment(workload)) <= SETTINGS | NAMES_OF_OTHERS
    assert set(the("ConfigMap", "roomkeeper")["data"]) <= SETTINGS


@pytest.mark.parametrize("workload", WORKLOADS, ids=called)
def test_secrets_come_from_the_secret_which_has_them(workload: dict[str, Any]) -> None:
    there = set(the("Secret", "roomkeeper")["stringData"])
    for name, variable in environment(workload).items():
        if name in SECRETS:
            reference = variable["valueFrom"]["secretKeyRef"]
            assert reference == {"name": "roomkeeper", "key": name}
            assert name in there


def test_no_secret_is_in_the_example_and_nothing_starts_with_it() -> None:
    example = the("Secret", "roomkeeper")["stringData"]
    assert set(example) == SECRETS
    assert set(example.values()) == {""}


def test_a_password_is_there_before_the_url_that_holds_it() -> None:
    names = list(environment(the("Deployment", "registry")))
    url = environment(the("Deployment", "registry"))["DATABASE_URL"]["value"]
    assert "$(POSTGRES_PASSWORD)" in url
    assert names.index("POSTGRES_PASSWORD") < names.index("DATABASE_URL")
    assert f"@{the('Service', 'postgres')['metadata']['name']}/" in url


def test_a_worker_is_not_killed_before_its_calls_have_left() -> None:
    worker = the("Deployment", "worker")
    drain_timeout = int(environment(worker)["DRAIN_TIMEOUT"]["value"])
    assert pod(worker)["terminationGracePeriodSeconds"] >= drain_timeout + LEAVING_SECONDS


def test_a_rollout_and_an_emptied_node_leave_a_worker_there() -> None:
    deployment = the("Deployment", "worker")["spec"]
    assert deployment["replicas"] >= 2
    assert deployment["strategy"]["rollingUpdate"]["maxUnavailable"] == 0
    budget = the("PodDisruptionBudget", "worker")["spec"]
    assert budget.get("minAvailable") == 1 or budget.get("maxUnavailable") == 1


def test_whoever_reaches_a_registry_reaches_the_one_that_leads() -> None:
    deployment = the("Deployment", "registry")["spec"]
    assert deployment["replicas"] == 1
    # The new one is there before the old one goes.
    assert deployment["strategy"]["rollingUpdate"] == {"maxUnavailable": 0, "maxSurge": 1}
    assert "DATABASE_URL" in environment(the("Deployment", "registry"))


def test_one_registry_does_not_keep_a_node_from_being_emptied() -> None:
    (budget,) = [one for one in of_kind("PodDisruptionBudget") if one["metadata"]["name"] == "registry"]
    assert budget["spec"].get("minAvailable", 0) < the("Deployment", "registry")["spec"]["replicas"]


def test_a_registry_soon_leaves_a_node_that_is_lost() -> None:
    seconds = {
        one["key"]: one["tolerationSeconds"] for one in pod(the("Deployment", "registry"))["tolerations"]
    }
    wanted = {"node.kubernetes.io/unreachable", "node.kubernetes.io/not-ready"}
    assert seconds.keys() == wanted
    assert max(seconds.values()) <= 60


def test_an_agent_stays_with_one_registry() -> None:
    assert the("Service", "registry")["spec"]["sessionAffinity"] == "ClientIP"


@pytest.mark.parametrize("workload", WORKLOADS, ids=called)
def test_nobody_is_root(workload: dict[str, Any]) -> None:
    assert pod(workload)["securityContext"]["runAsNonRoot"] is True
    inside = container(workload)["securityContext"]
    assert inside["allowPrivilegeEscalation"] is False
    assert inside["capabilities"] == {"drop": ["ALL"]}
    assert container(workload)["resources"]["limits"]["memory"]


@pytest.mark.parametrize("name", ["registry", "worker", "models"])
def test_our_containers_run_what_the_readme_says(name: str) -> None:
    only = container(the("Deployment", name))
    assert "command" not in only, "the image's own is tini, which passes signals on"
    assert " ".join(only["args"]) in (ROOT / "README.md").read_text()
    assert only["image"].partition(":")[0] in {image["name"] for image in KUSTOMIZATION["images"]}


@pytest.mark.parametrize("workload", WORKLOADS, ids=called)
def test_mounted_volumes_are_there(workload: dict[str, Any]) -> None:
    there = {volume["name"] for volume in pod(workload).get("volumes", [])}
    there |= {claim["metadata"]["name"] for claim in workload["spec"].get("volumeClaimTemplates", [])}
    assert {mount["name"] for mount in container(workload)["volumeMounts"]} == there
