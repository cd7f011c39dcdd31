"""`python -m supply.sbom`: print the bill of materials of the shipped packages (CycloneDX 1.5, JSON).

It is made from `uv.lock` alone. The optional time and serial number are removed, so the same lock file gives the same
bytes.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

_TIMEOUT_SECONDS = 60


def bill_of_materials() -> str:
    """Return the bill of materials as JSON."""
    command = [sys.executable, "-m", "uv", "export", "--frozen", "--no-dev", "--format", "cyclonedx1.5", "--quiet"]
    exported = subprocess.run(
        command, cwd=Path(__file__).parents[1], check=True, capture_output=True, text=True, timeout=_TIMEOUT_SECONDS
    )
    bill = json.loads(exported.stdout)
    del bill["serialNumber"], bill["metadata"]["timestamp"]
    return json.dumps(bill, indent=2)


if __name__ == "__main__":
    print(bill_of_materials())
