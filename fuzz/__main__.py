"""`python -m fuzz [TARGET ...] --seconds 600`: each target in turn, and 1 as the exit code if one was broken."""

from __future__ import annotations

import argparse
import importlib.util
import re
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Final

from .targets import INPUTS, TARGETS

CORPUS: Final = Path(".fuzz")
"""What was found to reach something new, from one run to the next."""
_PULSE: Final = re.compile(r"#(\d+)\s+\w+\s+cov: (\d+).* corp: (\d+)/\S+.* exec/s: (\d+)")
_NOISE: Final = re.compile(r"INFO: |Dictionary: |\[libFuzzer|stat::|#\d+\t|#\d+:|###### ")
_STARTING: Final = 60
"""Seconds a target may need besides, for its imports and its known inputs."""


def run(name: str, seconds: int) -> bool:
    """Fuzz one target for so long; whether it held."""
    (INPUTS / name).mkdir(parents=True, exist_ok=True)
    before = set((INPUTS / name).iterdir())
    command = [sys.executable, "-m", "fuzz.child", name, str(CORPUS / name), str(seconds)]
    begun, shown, pause = time.monotonic(), 0.0, 1 if sys.stdout.isatty() else 60
    pulse = ("0", "0", "0", "0")
    said: list[str] = []
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True, "errors": "replace"}
    with subprocess.Popen(command, **pipes) as child:
        assert child.stdout is not None
        # The fuzzer ends itself; a parser that hangs where no signal reaches it must not hang us.
        watch = threading.Timer(seconds + _STARTING, child.kill)
        watch.start()
        for line in child.stdout:
            if found := _PULSE.search(line):
                pulse = found.group(1, 2, 3, 4)
            elif not _NOISE.match(line):
                said = [*said[-200:], line]
            if (passed := time.monotonic() - begun) - shown >= pause:
                shown = passed
                print(_line(name, passed, pulse), end="\r" if pause == 1 else "\n", flush=True)
        watch.cancel()
    print(_line(name, time.monotonic() - begun, pulse), flush=True)
    finds = sorted(set((INPUTS / name).iterdir()) - before)
    if child.returncode == 0 and not finds:
        return True
    print("".join(said))
    print(f"{name} was broken (exit {child.returncode}) by: {', '.join(map(str, finds)) or 'nothing that was kept'}")
    return False


def _line(name: str, passed: float, pulse: tuple[str, ...]) -> str:
    runs, coverage, corpus, rate = pulse
    return f"{name:12} {passed:5.0f} s  {int(runs):>12,} runs  {rate:>7}/s  {coverage:>5} branches  {corpus:>5} kept"


def main() -> None:
    parser = argparse.ArgumentParser(prog="fuzz", description=__doc__)
    parser.add_argument("targets", nargs="*", choices=[*TARGETS, []], help="which; all without")
    parser.add_argument("--seconds", type=int, default=600, help="for each")
    arguments = parser.parse_args()
    if importlib.util.find_spec("atheris") is None:
        raise SystemExit("the fuzzer is not here: make fuzz installs it (x86-64 Linux)")
    held = [run(name, arguments.seconds) for name in arguments.targets or TARGETS]
    raise SystemExit(0 if all(held) else 1)


if __name__ == "__main__":
    main()
