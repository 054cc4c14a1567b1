"""What the tests of data share."""

import pytest

from tests.data.scripted_server import running_server


@pytest.fixture
def cache(tmp_path):
    return tmp_path / "cache"


@pytest.fixture
def server(monkeypatch):
    """A local server; requests to it pass by any proxy."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with running_server() as server:
        yield server
