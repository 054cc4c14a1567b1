import pytest
import torch

from destseg.application.devices import choose_device, memory_for
from destseg.errors import InputError


@pytest.fixture
def cards(monkeypatch):
    """Say how many accelerators there are."""

    def there(count):
        monkeypatch.setattr(torch.cuda, "is_available", lambda: count > 0)
        monkeypatch.setattr(torch.cuda, "device_count", lambda: count)

    return there


@pytest.mark.parametrize(
    ("name", "count", "chosen"),
    [("cpu", 0, "cpu"), ("auto", 1, "cuda"), ("auto", 0, "cpu"), ("cuda:1", 2, "cuda:1")],
)
def test_what_is_there_may_be_asked_for(cards, name, count, chosen):
    cards(count)
    assert choose_device(name) == chosen


@pytest.mark.parametrize("name", ["tpu", "", "gpu", "cuda:x"])
def test_an_unknown_device_is_refused(name):
    with pytest.raises(InputError, match=f"^device {name}: unknown; use auto"):
        choose_device(name)


@pytest.mark.parametrize(("name", "count"), [("cuda", 0), ("cuda:1", 0), ("mps", 0), ("cuda:7", 2)])
def test_a_device_that_is_not_there_is_refused(cards, name, count):
    cards(count)
    with pytest.raises(InputError, match=f"^device {name}: not available here"):
        choose_device(name)


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"),
        RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 1 bytes"),
        MemoryError(),
    ],
    ids=lambda error: type(error).__name__,
)
def test_want_of_memory_is_told_in_a_sentence(error):
    said = "^--batch-size 32 --size 256: cuda has no memory left for that; give a smaller batch"
    with pytest.raises(InputError, match=said), memory_for("--batch-size 32 --size 256", "cuda"):
        raise error


def test_other_errors_pass():
    with pytest.raises(RuntimeError, match="shape"), memory_for("--batch-size 32", "cuda"):
        raise RuntimeError("shape")
