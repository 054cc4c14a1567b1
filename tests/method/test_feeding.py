import os
import shutil
import time
from types import SimpleNamespace
from typing import Any, NamedTuple

import pytest
import torch

from destseg import feeding
from destseg.feeding import Reused, ahead, placed

# What forks a process with threads is warned of from Python 3.12 on; these do not compute before.
pytestmark = pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")


class Drawn(NamedTuple):
    index: Any
    process: Any


def drawn(index):
    return Drawn(torch.tensor(index), torch.tensor(os.getpid()))


@pytest.fixture(autouse=True)
def _few(monkeypatch):
    monkeypatch.setattr(feeding, "AHEAD", 2)


def test_what_is_drawn_ahead_comes_in_order():
    def draw(index):
        time.sleep(0.002 * (index % 3))
        return drawn(index)

    found = list(ahead(draw, range(3, 20)))
    assert all(type(each) is Drawn for each in found)
    assert [int(each.index) for each in found] == list(range(3, 20))
    assert os.getpid() not in {int(each.process) for each in found[1:]}


def test_no_process_is_left_once_nobody_asks():
    stream = ahead(drawn, range(1000))
    assert int(next(stream).process) == os.getpid()  # the first, which tells the size
    process = int(next(stream).process)
    os.kill(process, 0)
    stream.close()
    with pytest.raises(ProcessLookupError):
        os.kill(process, 0)


def test_without_memory_to_share_batches_are_drawn_here(monkeypatch, tmp_path):
    monkeypatch.setattr(feeding, "SHARED", tmp_path / "none")
    found = list(ahead(drawn, range(3)))
    assert {int(each.process) for each in found} == {os.getpid()}
    assert [int(each.index) for each in found] == [0, 1, 2]


def test_no_more_memory_is_asked_for_than_there_is(monkeypatch):
    # Two numbers of eight bytes a batch, and each process may be two batches ahead.
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=8 * 40))
    found = list(ahead(drawn, range(8)))
    assert len({int(each.process) for each in found[1:]} - {os.getpid()}) == 1


def test_global_random_numbers_are_left_alone():
    before = torch.get_rng_state()
    list(ahead(drawn, range(2)))
    assert torch.equal(torch.get_rng_state(), before)


def test_an_error_in_a_process_is_the_callers():
    def draw(index):
        if index == 6:
            raise ValueError(str(index))
        return drawn(index)

    with pytest.raises(ValueError, match="6"):
        list(ahead(draw, range(5, 9)))


# Memory


def test_memory_is_taken_again_once_nobody_holds_it():
    memory = Reused()
    first = memory.empty((2, 3))
    address = first.data_ptr()
    view = first[1:].view(-1)
    del first
    assert memory.empty((2, 3)).data_ptr() != address
    view.fill_(7)
    other = memory.empty((2, 3))
    other.fill_(1)
    assert view.tolist() == [7, 7, 7]
    array = view.numpy()
    del view
    assert memory.empty((2, 3)).data_ptr() != address
    del array
    assert memory.empty((3, 2)).data_ptr() != address
    assert memory.empty((2, 3)).data_ptr() == address


# Copies


class Pair(NamedTuple):
    image: Any
    mask: Any


def test_batches_are_placed_in_order():
    pairs = [Pair(torch.full((2,), i), torch.zeros(1)) for i in range(3)]
    found = list(placed(pairs, torch.device("cpu")))
    assert [pair.image.tolist() for pair in found] == [[0, 0], [1, 1], [2, 2]]
    assert all(type(pair) is Pair for pair in found)


class Part:
    """Writes down what is done to it, in the place of a tensor on CUDA."""

    def __init__(self, name, log):
        self.name, self.log = name, log

    def to(self, device, *, non_blocking):
        assert non_blocking
        self.log.append(f"copy {self.name}")
        return self

    def record_stream(self, stream):
        self.log.append(f"{stream.name} uses {self.name}")


class Stream:
    def __init__(self, name, log):
        self.name, self.log, self.events = name, log, 0

    def record_event(self):
        self.events += 1
        return f"{self.name} {self.events}"

    def wait_event(self, event):
        self.log.append(f"{self.name} waits for {event}")

    def __enter__(self):
        self.log.append("(")

    def __exit__(self, *_):
        self.log.append(")")


def test_on_cuda_the_next_batch_is_copied_before_one_is_computed_with(monkeypatch):
    log = []
    monkeypatch.setattr(torch.cuda, "Stream", lambda device: Stream("copying", log))
    monkeypatch.setattr(torch.cuda, "stream", lambda stream: stream)
    monkeypatch.setattr(torch.cuda, "current_stream", lambda device: Stream("computing", log))
    pairs = (Pair(Part(f"image {i}", log), Part(f"mask {i}", log)) for i in (1, 2))
    for pair in placed(pairs, torch.device("cuda")):
        log += [f"compute {pair.image.name}"]
    assert log == [
        *("(", "copy image 1", "copy mask 1", ")"),
        *("(", "copy image 2", "copy mask 2", ")"),
        *("computing waits for copying 1", "computing uses image 1", "computing uses mask 1"),
        "compute image 1",
        *("computing waits for copying 2", "computing uses image 2", "computing uses mask 2"),
        "compute image 2",
    ]
