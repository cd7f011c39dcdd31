"""Fuzz each target in turn: `python -m fuzz [TARGET ...] --seconds 600`. The exit code is 1 if a target failed."""

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
"""Inputs that reached new branches, kept from one run to the next."""
_STATUS_LINE: Final = re.compile(r"#(\d+)\s+\w+\s+cov: (\d+).* corp: (\d+)/\S+.* exec/s: (\d+)")
_IGNORED_LINE: Final = re.compile(r"INFO: |Dictionary: |\[libFuzzer|stat::|#\d+\t|#\d+:|###### ")
_START_SECONDS: Final = 60
"""Seconds that a target may take in addition, for its imports and its known inputs."""


def run(name: str, seconds: int) -> bool:
    """Fuzz one target for `seconds` and return whether it held for every input."""
    (INPUTS / name).mkdir(parents=True, exist_ok=True)
    before = set((INPUTS / name).iterdir())
    command = [sys.executable, "-m", "fuzz.fuzz_process", name, str(CORPUS / name), str(seconds)]
    started, printed, interval = time.monotonic(), 0.0, 1 if sys.stdout.isatty() else 60
    status = ("0", "0", "0", "0")
    output: list[str] = []
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True, "errors": "replace"}
    with subprocess.Popen(command, **pipes) as process:
        assert process.stdout is not None
        # The fuzzer ends by itself, unless a parser hangs in code that no signal interrupts.
        watchdog = threading.Timer(seconds + _START_SECONDS, process.kill)
        watchdog.start()
        for line in process.stdout:
            if found := _STATUS_LINE.search(line):
                status = found.group(1, 2, 3, 4)
            elif not _IGNORED_LINE.match(line):
                output = [*output[-200:], line]
            if (elapsed := time.monotonic() - started) - printed >= interval:
                printed = elapsed
                print(_progress(name, elapsed, status), end="\r" if interval == 1 else "\n", flush=True)
        watchdog.cancel()
    print(_progress(name, time.monotonic() - started, status), flush=True)
    failures = sorted(set((INPUTS / name).iterdir()) - before)
    if process.returncode == 0 and not failures:
        return True
    print("".join(output))
    print(f"{name} failed (exit code {process.returncode}). Inputs: {', '.join(map(str, failures)) or 'none was kept'}")
    return False


def _progress(name: str, elapsed: float, status: tuple[str, ...]) -> str:
    runs, coverage, corpus, rate = status
    return f"{name:12} {elapsed:5.0f} s  {int(runs):>12,} runs  {rate:>7}/s  {coverage:>5} branches  {corpus:>5} inputs"


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="fuzz", description=__doc__)
    parser.add_argument("targets", nargs="*", choices=[*TARGETS, []], help="the targets to fuzz (default: all)")
    parser.add_argument("--seconds", type=int, default=600, help="seconds for each target (default: 600)")
    arguments = parser.parse_args()
    if importlib.util.find_spec("atheris") is None:
        raise SystemExit('The fuzzer Atheris is not installed. Install it with "make fuzz" (x86-64 Linux only).')
    results = [run(name, arguments.seconds) for name in arguments.targets or TARGETS]
    raise SystemExit(0 if all(results) else 1)


if __name__ == "__main__":
    main()
