"""The chart, and the manifests that it gives with its own values, fit Kubernetes, our settings and each other.

`deploy/kubernetes/drivebay.yaml` is what `make chart` renders with helm. Helm is no Python package, so here
the manifests are checked, and that they are of this very chart.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from drivebay.certs import Authority
from drivebay.settings import SETTINGS, Settings, load
from drivebay.testing.world import PARTS

from . import chart

Manifest = dict[str, Any]
MANIFESTS: list[Manifest] = [each for each in yaml.safe_load_all(chart.RENDERED.read_text("utf-8")) if each]
SECRETS = {
    "database-url": "postgresql://drivebay:x@postgres/drivebay",
    "nats-url": "nats://drivebay:x@nats:4222",
    "s3-access-key": "drivebay",
    "s3-secret-key": "x" * 40,
    "secret": "0f1e2d3c4b5a69788796a5b4c3d2e1f0" * 2,
}


def of_kind(kind: str) -> dict[str, Manifest]:
    """The manifests of a kind by the part they are for."""
    found = [manifest for manifest in MANIFESTS if manifest["kind"] == kind]
    return {manifest["metadata"]["labels"]["app.kubernetes.io/component"]: manifest for manifest in found}


def environment(part: str) -> dict[str, str]:
    (container,) = of_kind("Deployment")[part]["spec"]["template"]["spec"]["containers"]
    found = {}
    for entry in container["env"]:
        reference = entry.get("valueFrom", {}).get("secretKeyRef")
        found[entry["name"]] = entry["value"] if reference is None else SECRETS[reference["key"]]
    return found


def loaded(part: str, folder: Path) -> Settings:
    authority = Authority(folder / "certs", datetime.now(UTC), timedelta(days=1))
    cert, key = authority.issue(part)
    files = {"/certs/tls.crt": cert, "/certs/tls.key": key, "/certs/ca.crt": authority.file}
    return load({name: str(files.get(value, value)) for name, value in environment(part).items()}, folder)


def test_the_manifests_are_of_this_chart() -> None:
    said = chart.RENDERED.read_text("utf-8").splitlines()[0]
    assert said == chart.header(), "the chart has changed: make chart"


@pytest.mark.parametrize("manifest", MANIFESTS, ids=lambda each: f"{each['kind']} {each['metadata']['name']}")
def test_kubernetes_takes_the_manifest(manifest: Manifest) -> None:
    kubernetes_validate.validate(manifest, "1.33", strict=True)


@pytest.mark.parametrize("part", PARTS)
def test_each_part_starts_with_the_settings_of_its_pod(part: str, tmp_path: Path) -> None:
    assert set(environment(part)) <= {setting.name for setting in SETTINGS}
    settings = loaded(part, tmp_path)
    assert settings.identity is not None
    if part in ("auth", "files"):
        assert settings.database_url == SECRETS["database-url"]
    if part == "storage":
        assert settings.storage().public_endpoint is not None
    if part == "ingest":
        assert settings.ingest().nats_url == SECRETS["nats-url"]


def test_a_secret_goes_only_to_the_part_that_needs_it() -> None:
    holders = {
        "DRIVEBAY_DATABASE_URL": {"auth", "files"},
        "DRIVEBAY_NATS_URL": {"ingest"},
        "DRIVEBAY_S3_SECRET_KEY": {"storage"},
    }
    for name, parts in holders.items():
        assert {part for part in PARTS if name in environment(part)} == parts


@pytest.mark.parametrize("service", ["auth", "files", "storage"])
def test_the_network_lets_in_whom_the_service_lets_in(service: str, tmp_path: Path) -> None:
    rules = of_kind("NetworkPolicy")[service]["spec"]["ingress"]
    (let_in,) = [rule["from"] for rule in rules if rule["ports"] == [{"port": "grpc"}]]
    names = {each["podSelector"]["matchLabels"]["app.kubernetes.io/component"] for each in let_in}
    settings = loaded(service, tmp_path)
    assert names == set(getattr(settings, f"{service}_callers")) - {"cli"}


@pytest.mark.parametrize("service", ["auth", "files", "storage"])
def test_callers_find_the_service_where_it_listens(service: str) -> None:
    name = f"DRIVEBAY_{service.upper()}_ADDRESS"
    manifest = of_kind("Service")[service]
    (port,) = manifest["spec"]["ports"]
    assert environment(service)[name] == f"0.0.0.0:{port['port']}"
    for part in set(PARTS) - {service}:
        assert environment(part)[name] == f"{manifest['metadata']['name']}:{port['port']}"


@pytest.mark.parametrize("part", PARTS)
def test_a_pod_may_do_as_little_as_possible(part: str) -> None:
    pod = of_kind("Deployment")[part]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["automountServiceAccountToken"] is False
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert {"startupProbe", "readinessProbe", "livenessProbe"} <= container.keys()
    assert part in of_kind("PodDisruptionBudget") or of_kind("Deployment")[part]["spec"]["replicas"] == 1
