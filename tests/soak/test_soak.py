"""A soak of two minutes, longer on a slow machine.

`make soak MINUTES=60` runs one hour. docs/reliability.md has its results.
"""

from pathlib import Path

import pytest

from . import report, run


@pytest.mark.slow
async def test_nothing_is_lost_in_two_minutes_of_faults(tmp_path: Path) -> None:
    result = await run.run(tmp_path, seed=20261123, seconds=120, user_count=12, min_puts=320)
    print(report.as_text(result))
    assert result.violations == (), report.as_text(result)
    # Enough faults were injected, and enough uploads succeeded, to test anything.
    assert sum(result.faults.values()) > 50
    assert result.outcomes[run.STORED] > 200
    assert result.outcomes["passwords changed"] > 0
    assert result.outcomes["tokens of ended sessions refused"] > 0
    assert result.outcomes["links revoked"] > 0
    assert result.outcomes["downloads by links refused"] > 0
    assert result.outcomes["requests by folder links refused"] > 0
    assert result.outcomes["files received by links"] > 0
    assert result.outcomes["withdrawn accesses refused"] > 0
    assert result.outcomes["old versions read"] > 0
    assert result.outcomes["job at the end: done"] > 0
