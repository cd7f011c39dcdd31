"""`python -m supply.secrets`: look for secrets in every tracked file.

What was looked at and is none (published test vectors, made-up passwords) stands in `known.json` by file and
digest, never by line, so that moving it is no news. `--accept` writes that file anew: read the difference.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
KNOWN = Path(__file__).with_name("known.json")
_GENERATED = (r"^uv\.lock$", r"_pb2\.pyi?$", r"^supply/known\.json$")

Secret = tuple[str, str, str]


def found(folder: Path = ROOT) -> dict[Secret, int]:
    """Everything that looks like a secret: file, kind, digest; and the line it is on."""
    exclusions = [word for pattern in _GENERATED for word in ("--exclude-files", pattern)]
    command = [sys.executable, "-m", "detect_secrets", "scan", "--no-verify", *exclusions]
    told = subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True, timeout=120)
    results = json.loads(told.stdout)["results"]
    return {
        (file, entry["type"], entry["hashed_secret"]): entry["line_number"]
        for file, entries in results.items()
        for entry in entries
    }


def main() -> int:
    here = found()
    if "--accept" in sys.argv:
        KNOWN.write_text(json.dumps(sorted(here), indent=1) + "\n", "utf-8")
        return 0
    known = {tuple(each) for each in json.loads(KNOWN.read_text("utf-8"))}
    new = sorted((file, line, kind) for (file, kind, digest), line in here.items() if (file, kind, digest) not in known)
    for file, line, kind in new:
        print(f"{file}:{line}: looks like a secret ({kind}); take it out, or say make secrets-known if it is none")
    print("no secret in any tracked file" if not new else f"{len(new)} new")
    return bool(new)


if __name__ == "__main__":
    sys.exit(main())
