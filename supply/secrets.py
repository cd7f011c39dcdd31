"""`python -m supply.secrets`: look for secrets in every tracked file.

`known.json` lists what looks like a secret and is none, such as published test vectors and invented passwords. An
entry has a file and a digest and no line, so it stays valid when the text moves. `--accept` writes the list again.
Review the difference before you commit it.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
KNOWN_FILE = Path(__file__).with_name("known.json")
_EXCLUDED_FILES = (
    r"^uv\.lock$",
    r"^package-lock\.json$",
    r"/vendor/manifest\.json$",
    r"_pb2\.pyi?$",
    r"^supply/known\.json$",
)
_TIMEOUT_SECONDS = 900

Finding = tuple[str, str, str]
"""File, kind and digest of what looks like a secret."""


def scan(folder: Path = ROOT) -> dict[Finding, int]:
    """Return everything in the tracked files that looks like a secret, with its line."""
    exclusions = [word for pattern in _EXCLUDED_FILES for word in ("--exclude-files", pattern)]
    command = [sys.executable, "-m", "detect_secrets", "scan", "--no-verify", *exclusions]
    scanned = subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True, timeout=_TIMEOUT_SECONDS)
    return {
        (file, entry["type"], entry["hashed_secret"]): entry["line_number"]
        for file, entries in json.loads(scanned.stdout)["results"].items()
        for entry in entries
    }


def main() -> int:
    """Print what looks like a secret and is not known. Return 1 if there is any."""
    findings = scan()
    if "--accept" in sys.argv:
        KNOWN_FILE.write_text(json.dumps(sorted(findings), indent=1) + "\n", "utf-8")
        return 0
    known = {tuple(each) for each in json.loads(KNOWN_FILE.read_text("utf-8"))}
    new = sorted((finding[0], line, finding[1]) for finding, line in findings.items() if finding not in known)
    for file, line, kind in new:
        print(f"{file}:{line}: looks like a secret ({kind}). Remove it. If it is none, run make secrets-known")
    print(f"{len(new)} possible secrets" if new else "no secret in any tracked file")
    return bool(new)


if __name__ == "__main__":
    sys.exit(main())
