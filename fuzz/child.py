"""The process that one target is fuzzed in: `python -m fuzz.child TARGET FOLDER SECONDS`.

Atheris, which is libFuzzer, ends its process when it has found something or when the time is over.
"""

from __future__ import annotations

import sys
from pathlib import Path

import atheris

# Everything of ours is counted by branch, from its import on.
with atheris.instrument_imports(include=["drivebay"]):
    from .targets import INPUTS, TARGETS, known

_LONGEST = 4096
_PER_INPUT = 10
"""Seconds that one input may take, which is a find like any other."""


def main() -> None:
    name, folder, seconds = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
    target = TARGETS[name]
    corpus = folder / "corpus"
    corpus.mkdir(parents=True, exist_ok=True)
    for number, data in enumerate(known(name)):
        (corpus / f"known-{number}").write_bytes(data)
    words = folder / "words"
    words.write_text("".join(f'"{_printable(word)}"\n' for word in target.words), "ascii")
    options = (
        *(f"-max_total_time={seconds}", f"-max_len={_LONGEST}", f"-timeout={_PER_INPUT}", "-rss_limit_mb=2048"),
        *(f"-artifact_prefix={INPUTS / name}/", "-print_final_stats=1", "-reload=0"),
        *([f"-dict={words}"] if target.words else []),
    )
    atheris.enabled_hooks.add("RegEx")
    atheris.Setup([sys.argv[0], *options, str(corpus)], target.holds)
    atheris.Fuzz()


def _printable(word: bytes) -> str:
    return "".join(chr(byte) if bytes((byte,)).isalnum() else f"\\x{byte:02x}" for byte in word)


if __name__ == "__main__":
    main()
