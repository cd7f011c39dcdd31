"""The process in which one target is fuzzed: `python -m fuzz.fuzz_process TARGET FOLDER SECONDS`.

Atheris (libFuzzer) ends the process when an input fails or the time is over.
"""

from __future__ import annotations

import sys
from pathlib import Path

import atheris

# Instruments the branches of Drivebay, which therefore must be imported here and not before.
with atheris.instrument_imports(include=["drivebay"]):
    from .targets import INPUTS, TARGETS, known_inputs

_MAX_INPUT_LENGTH = 4096
_MAX_INPUT_SECONDS = 10
"""An input that takes longer is a failure."""


def main() -> None:
    """Fuzz the target that the command line names."""
    name, folder, seconds = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
    target = TARGETS[name]
    corpus = folder / "corpus"
    corpus.mkdir(parents=True, exist_ok=True)
    for number, data in enumerate(known_inputs(name)):
        (corpus / f"known-{number}").write_bytes(data)
    dictionary = folder / "words"
    dictionary.write_text("".join(f'"{_escape(word)}"\n' for word in target.words), "ascii")
    options = (
        *(f"-max_total_time={seconds}", f"-max_len={_MAX_INPUT_LENGTH}", f"-timeout={_MAX_INPUT_SECONDS}"),
        *("-rss_limit_mb=2048", f"-artifact_prefix={INPUTS / name}/", "-print_final_stats=1", "-reload=0"),
        *([f"-dict={dictionary}"] if target.words else []),
    )
    atheris.enabled_hooks.add("RegEx")
    atheris.Setup([sys.argv[0], *options, str(corpus)], target.check)
    atheris.Fuzz()


def _escape(word: bytes) -> str:
    return "".join(chr(byte) if bytes((byte,)).isalnum() else f"\\x{byte:02x}" for byte in word)


if __name__ == "__main__":
    main()
