"""`python -m supply.sbom`: the bill of materials of what is shipped, CycloneDX 1.5 in JSON, on standard output.

Made from `uv.lock` alone, so the same lock gives the same bytes: the time and the serial number that uv puts
in are left out, both of which the format allows.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path


def bill() -> str:
    command = [sys.executable, "-m", "uv", "export", "--frozen", "--no-dev", "--format", "cyclonedx1.5", "--quiet"]
    told = subprocess.run(
        command, cwd=Path(__file__).parents[1], check=True, capture_output=True, text=True, timeout=60
    )
    found = json.loads(told.stdout)
    del found["serialNumber"], found["metadata"]["timestamp"]
    return json.dumps(found, indent=2)


if __name__ == "__main__":
    print(bill())
