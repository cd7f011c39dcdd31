"""The servers of the deployments under test."""

import pytest

from drivebay.embedded import Store
from tests.e2e.conftest import server_settings


@pytest.fixture
def server_environment(database_url: str, nats_url: str, store: Store, bucket: str) -> dict[str, str]:
    return server_settings(database_url, nats_url, store, bucket)
