import pytest
import torch

from destseg.application.devices import choose_device
from destseg.errors import InputError


def test_the_cpu_may_be_asked_for():
    assert choose_device("cpu") == "cpu"


@pytest.mark.parametrize(("there", "chosen"), [(True, "cuda"), (False, "cpu")])
def test_auto_takes_an_accelerator_where_there_is_one(monkeypatch, there, chosen):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: there)
    assert choose_device("auto") == chosen


@pytest.mark.parametrize("name", ["tpu", "", "gpu", "cuda:x"])
def test_an_unknown_device_is_refused(name):
    with pytest.raises(InputError, match=f"--device {name}: unknown device; use auto"):
        choose_device(name)


@pytest.mark.parametrize("name", ["cuda", "cuda:1", "mps"])
def test_a_device_that_is_not_there_is_refused(monkeypatch, name):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(InputError, match=f"--device {name}: not available here"):
        choose_device(name)


def test_an_accelerator_that_is_there_may_be_asked_for(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert choose_device("cuda:1") == "cuda:1"


def test_an_accelerator_beyond_the_last_is_refused(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    with pytest.raises(InputError, match="--device cuda:7: not available here"):
        choose_device("cuda:7")
