from __future__ import annotations

import pytest
from janitor_fakes import Backend


@pytest.fixture
def backend() -> Backend:
    return Backend()
