"""The chart and its rendered manifests are valid for Kubernetes and match the settings and each other.

`make chart` renders `deploy/kubernetes/drivebay.yaml` with helm. Helm is no Python package, so these tests check the
rendered manifests, and that they were rendered from this chart.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from drivebay.cli.operator.certificates import CertificateAuthority
from drivebay.config import SETTINGS, Settings, load
from drivebay.node import SERVICES

from . import chart, compose
from .test_compose import VARIABLES

Manifest = dict[str, Any]
MANIFESTS: list[Manifest] = [each for each in yaml.safe_load_all(chart.RENDERED.read_text("utf-8")) if each]
ALL_OPTIONS: list[Manifest] = [
    each for each in yaml.safe_load_all(chart.RENDERED_ALL_OPTIONS.read_text("utf-8")) if each
]
SECRETS = {
    "database-url": "postgresql://drivebay:x@postgres/drivebay",
    "nats-url": "nats://drivebay:x@nats:4222",
    "s3-access-key": "drivebay",
    "s3-secret-key": "x" * 40,
    "secret": "0f1e2d3c4b5a69788796a5b4c3d2e1f0" * 2,
}


def manifests_of_kind(kind: str) -> dict[str, Manifest]:
    """Return the manifests of a kind by their service."""
    found = [manifest for manifest in MANIFESTS if manifest["kind"] == kind]
    return {manifest["metadata"]["labels"]["app.kubernetes.io/component"]: manifest for manifest in found}


def environment(part: str) -> dict[str, str]:
    (container,) = manifests_of_kind("Deployment")[part]["spec"]["template"]["spec"]["containers"]
    found = {}
    for entry in container["env"]:
        reference = entry.get("valueFrom", {}).get("secretKeyRef")
        found[entry["name"]] = entry["value"] if reference is None else SECRETS[reference["key"]]
    return found


def load_settings(part: str, folder: Path) -> Settings:
    authority = CertificateAuthority(folder / "certs", datetime.now(UTC), timedelta(days=1))
    cert, key = authority.issue(part)
    files = {"/certs/tls.crt": cert, "/certs/tls.key": key, "/certs/ca.crt": authority.ca_cert_file}
    return load({name: str(files.get(value, value)) for name, value in environment(part).items()}, folder)


def test_manifests_were_rendered_from_this_chart() -> None:
    header = chart.RENDERED.read_text("utf-8").splitlines()[0]
    assert header == chart.header(), "the chart has changed: make chart"


@pytest.mark.parametrize("manifest", MANIFESTS, ids=lambda each: f"{each['kind']} {each['metadata']['name']}")
def test_manifest_is_valid(manifest: Manifest) -> None:
    kubernetes_validate.validate(manifest, "1.33", strict=True)


def test_manifests_with_all_options_were_rendered_from_this_chart() -> None:
    header = chart.RENDERED_ALL_OPTIONS.read_text("utf-8").splitlines()[0]
    assert header == chart.header(with_all_options=True), "the chart has changed: make chart"


@pytest.mark.parametrize("manifest", ALL_OPTIONS, ids=lambda each: f"{each['kind']} {each['metadata']['name']}")
def test_manifest_with_all_options_is_valid(manifest: Manifest) -> None:
    if manifest["kind"] not in ("ServiceMonitor", "PrometheusRule"):  # resources of the Prometheus operator
        kubernetes_validate.validate(manifest, "1.33", strict=True)


def with_all_options(kind: str) -> dict[str, Manifest]:
    """Return the manifests of a kind by their name, rendered with every option."""
    return {each["metadata"]["name"]: each for each in ALL_OPTIONS if each["kind"] == kind}


def test_ingress_leads_to_the_gateway() -> None:
    (ingress,) = with_all_options("Ingress").values()
    service = with_all_options("Service")["drivebay-gateway"]
    assert ingress["spec"]["ingressClassName"] == "nginx"
    assert ingress["spec"]["tls"] == [{"secretName": "drive-tls", "hosts": ["drive.example.com", "files.example.com"]}]
    for rule in ingress["spec"]["rules"]:
        (path,) = rule["http"]["paths"]
        backend = path["backend"]["service"]
        assert backend["name"] == service["metadata"]["name"]
        assert backend["port"]["name"] in [port["name"] for port in service["spec"]["ports"]]


def test_service_monitor_selects_the_metrics_of_every_service() -> None:
    (monitor,) = with_all_options("ServiceMonitor").values()
    wanted = monitor["spec"]["selector"]["matchLabels"].items()
    selected = [each for each in with_all_options("Service").values() if wanted <= each["metadata"]["labels"].items()]
    assert {each["spec"]["selector"]["app.kubernetes.io/component"] for each in selected} == set(SERVICES)
    assert {port["name"] for each in selected for port in each["spec"]["ports"]} == {"metrics"}
    # The label `job` of the metrics, which the alerts select.
    assert {each["metadata"]["labels"][monitor["spec"]["jobLabel"]] for each in selected} == {"drivebay"}


def test_alerts_are_those_of_compose() -> None:
    (rules,) = with_all_options("PrometheusRule").values()
    assert rules["spec"] == yaml.safe_load((compose.FOLDER / "alerts.yaml").read_text("utf-8"))
    assert (chart.CHART / "alerts.yaml").read_bytes() == (compose.FOLDER / "alerts.yaml").read_bytes()


def test_migrations_run_before_the_pods_of_a_release() -> None:
    job = manifests_of_kind("Job")["migrations"]
    assert job["metadata"]["annotations"]["helm.sh/hook"] == "pre-install,pre-upgrade"
    pod = job["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    (main,) = manifests_of_kind("Deployment")["files"]["spec"]["template"]["spec"]["containers"]
    assert (container["image"], container["args"]) == (main["image"], ["migrate"])
    assert [entry["name"] for entry in container["env"]] == ["DRIVEBAY_DATABASE_URL"]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert container["securityContext"] == main["securityContext"]


@pytest.mark.parametrize("part", SERVICES)
def test_pods_of_a_service_spread_over_zones_and_nodes(part: str) -> None:
    deployment = manifests_of_kind("Deployment")[part]
    constraints = deployment["spec"]["template"]["spec"]["topologySpreadConstraints"]
    keys = [constraint["topologyKey"] for constraint in constraints]
    assert keys == ["topology.kubernetes.io/zone", "kubernetes.io/hostname"]
    for constraint in constraints:
        assert constraint["labelSelector"]["matchLabels"] == deployment["metadata"]["labels"]


def test_gateways_drain_before_they_are_killed(tmp_path: Path) -> None:
    pod = manifests_of_kind("Deployment")["gateway"]["spec"]["template"]["spec"]
    delay = load_settings("gateway", tmp_path).stop_delay
    assert timedelta(seconds=5) < delay <= timedelta(seconds=pod["terminationGracePeriodSeconds"] - 20)


def values_of_server(name: str) -> Manifest:
    """Return the values for the chart of a server."""
    values: Manifest = yaml.safe_load((chart.CHART.parent / "servers" / f"{name}.yaml").read_text("utf-8"))
    return values


def test_values_for_the_chart_of_nats_are_those_of_the_cluster() -> None:
    values = values_of_server("nats")["config"]
    services = compose.services("cluster.yaml", VARIABLES)
    replicas = int(services["ingest-1"].environment["DRIVEBAY_NATS_REPLICAS"])
    assert values["cluster"] == {"enabled": True, "replicas": replicas}
    assert values["jetstream"]["merge"] == {"sync_interval": "always"}


def test_values_for_the_chart_of_seaweedfs_are_those_of_the_cluster() -> None:
    values = values_of_server("seaweedfs")
    services = compose.services("cluster.yaml", VARIABLES)
    for kind in ("master", "volume", "filer", "s3"):
        count = sum(1 for name in services if name.startswith(f"{kind}-"))
        assert values[kind]["replicas"] == count
    assert f"-defaultReplication={values['master']['defaultReplication']}" in services["master-1"].command
    for kind in ("filer", "s3"):
        assert set(values[kind]["extraArgs"]) <= set(services[f"{kind}-1"].command)
    known = services["filer-1"].environment
    ours = {"WEED_POSTGRES2_HOSTNAME", "WEED_POSTGRES2_SSLMODE"}
    environment = values["filer"]["extraEnvironmentVars"]
    assert {name: known[name] for name in environment if name not in ours} == {
        name: value for name, value in environment.items() if name not in ours
    }
    tag = services["filer-1"].image.rpartition(":")[2]
    assert values["image"]["tag"] == tag


def test_values_for_the_chart_of_postgres_replicate_synchronously() -> None:
    values = values_of_server("postgres")
    assert values["cluster"]["instances"] == 3
    assert values["cluster"]["postgresql"]["synchronous"] == {"method": "any", "number": 1}
    services = compose.services("cluster.yaml", VARIABLES)
    databases = {each["name"] for each in values["databases"]} | {values["cluster"]["initdb"]["database"]}
    assert databases == {"drivebay", services["filer-1"].environment["WEED_POSTGRES2_DATABASE"]}


def test_the_gateway_can_have_another_grace_period_for_its_stop_delay() -> None:
    pods = {name: each["spec"]["template"]["spec"] for name, each in with_all_options("Deployment").items()}
    periods = {name: pod["terminationGracePeriodSeconds"] for name, pod in pods.items()}
    assert periods.pop("drivebay-gateway") == 80
    assert set(periods.values()) == {30}


def test_autoscaler_replaces_the_number_of_replicas() -> None:
    (scaler,) = with_all_options("HorizontalPodAutoscaler").values()
    assert (scaler["spec"]["minReplicas"], scaler["spec"]["maxReplicas"]) == (3, 9)
    name = scaler["spec"]["scaleTargetRef"]["name"]
    assert "replicas" not in with_all_options("Deployment")[name]["spec"]
    assert name in with_all_options("PodDisruptionBudget")


def test_values_of_one_service_count_instead_of_those_of_all() -> None:
    pods = {name: each["spec"]["template"] for name, each in with_all_options("Deployment").items()}
    for name, pod in pods.items():
        (container,) = pod["spec"]["containers"]
        is_gateway = name == "drivebay-gateway"
        assert pod["metadata"]["annotations"] == {"example.com/team": "edge" if is_gateway else "storage"}
        assert pod["spec"]["priorityClassName"] == ("critical" if is_gateway else "important")
        assert container["image"].startswith("registry.example.com/gateway:2" if is_gateway else "drivebay:")
        assert "nodeAffinity" in pod["spec"]["affinity"]
        assert {"name": "authority", "configMap": {"name": "company-ca"}} in pod["spec"]["volumes"]
        assert "/etc/company" in [mount["mountPath"] for mount in container["volumeMounts"]]
        (level,) = [entry for entry in container["env"] if entry["name"] == "DRIVEBAY_LOG"]
        assert ("valueFrom" in level) == (name == "drivebay-auth")


@pytest.mark.parametrize("part", SERVICES)
def test_each_service_accepts_the_settings_of_its_pod(part: str, tmp_path: Path) -> None:
    assert set(environment(part)) <= {setting.name for setting in SETTINGS}
    settings = load_settings(part, tmp_path)
    assert settings.identity is not None
    if part in ("auth", "files"):
        assert settings.database_url == SECRETS["database-url"]
    if part == "storage":
        assert settings.storage().public_endpoint is not None
    if part == "ingest":
        assert settings.ingest().nats_url == SECRETS["nats-url"]


def test_secret_is_given_only_to_the_service_that_needs_it() -> None:
    holders = {
        "DRIVEBAY_DATABASE_URL": {"auth", "files"},
        "DRIVEBAY_NATS_URL": {"files", "gateway", "ingest", "worker"},
        "DRIVEBAY_S3_SECRET_KEY": {"storage"},
    }
    for name, parts in holders.items():
        assert {part for part in SERVICES if name in environment(part)} == parts


@pytest.mark.parametrize("service", ["auth", "files", "storage"])
def test_network_policy_allows_the_callers_of_the_service(service: str, tmp_path: Path) -> None:
    rules = manifests_of_kind("NetworkPolicy")[service]["spec"]["ingress"]
    (allowed,) = [rule["from"] for rule in rules if rule["ports"] == [{"port": "grpc"}]]
    names = {each["podSelector"]["matchLabels"]["app.kubernetes.io/component"] for each in allowed}
    settings = load_settings(service, tmp_path)
    assert names == set(getattr(settings, f"{service}_callers")) - {"cli"}


@pytest.mark.parametrize("service", ["auth", "files", "storage"])
def test_callers_use_the_port_of_the_service(service: str) -> None:
    name = f"DRIVEBAY_{service.upper()}_ADDRESS"
    manifest = manifests_of_kind("Service")[service]
    (port,) = manifest["spec"]["ports"]
    assert environment(service)[name] == f"0.0.0.0:{port['port']}"
    for part in set(SERVICES) - {service}:
        assert environment(part)[name] == f"{manifest['metadata']['name']}:{port['port']}"


@pytest.mark.parametrize("part", SERVICES)
def test_pod_has_minimal_privileges(part: str) -> None:
    pod = manifests_of_kind("Deployment")[part]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["automountServiceAccountToken"] is False
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert {"startupProbe", "readinessProbe", "livenessProbe"} <= container.keys()
    assert (
        part in manifests_of_kind("PodDisruptionBudget")
        or manifests_of_kind("Deployment")[part]["spec"]["replicas"] == 1
    )
