"""What the tests share."""

from collections.abc import Iterator

import pytest
from annotate_service import Service


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    """Return a service that runs."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with Service() as service:
        yield service
