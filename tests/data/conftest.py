"""What the tests of downloads share."""

import threading

import pytest

from tests.data.scripted_server import Server


@pytest.fixture
def server(monkeypatch):
    """A local server; requests to it pass by any proxy."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever, args=(0.01,))
        thread.start()
        yield running
        running.shutdown()
        thread.join()
