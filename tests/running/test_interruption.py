import os
import signal
import threading

import pytest

from bench.running.interruption import Interruption


@pytest.fixture(autouse=True)
def usual_handler():
    """A test run started in the background by a shell ignores SIGINT."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_signals_are_noted_and_not_raised():
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    with Interruption() as interruption:
        assert (interruption.signal, interruption.again) == (None, False)
        os.kill(os.getpid(), signal.SIGTERM)
        assert (interruption.signal, interruption.again) == (signal.SIGTERM, False)
        os.kill(os.getpid(), signal.SIGINT)
        assert (interruption.signal, interruption.again) == (signal.SIGTERM, True)
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before
    with pytest.raises(KeyboardInterrupt):
        os.kill(os.getpid(), signal.SIGINT)


def test_another_thread_leaves_signals_alone():
    seen = []

    def work():
        with Interruption() as interruption:
            seen.append((interruption.signal, signal.getsignal(signal.SIGTERM)))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [(None, signal.getsignal(signal.SIGTERM))]
