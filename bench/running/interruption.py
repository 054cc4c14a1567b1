"""Ctrl-C and SIGTERM: the first asks to finish, the second to stop."""

import signal
import threading
from types import FrameType
from typing import Any

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interruption:
    """While it is entered, signals are noted instead of raised.

    ``signal`` is the first one that came, and ``again`` tells whether another followed. Only noted:
    what a handler prints may fall into the middle of a line. Outside the main thread, where Python
    delivers no signal, it does nothing.
    """

    def __init__(self) -> None:
        self._before: dict[signal.Signals, Any] = {}
        self.signal: int | None = None
        self.again = False

    def __enter__(self) -> "Interruption":
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.signal(number, self._note) for number in SIGNALS}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _note(self, number: int, frame: FrameType | None) -> None:
        del frame
        self.again = self.signal is not None
        self.signal = self.signal or number
