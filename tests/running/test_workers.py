import argparse
import os

import pytest
import torch

from bench.commands.worker_options import add_worker_options, open_workers, processes
from bench.running.workers import Children, InProcess


def workers(text, device):
    parser = argparse.ArgumentParser()
    add_worker_options(parser)
    return open_workers(parser.parse_args(text.split()), device)


def devices(text, device):
    found = workers(text, device)
    assert isinstance(found, Children)
    found.close()
    return [child._device for child in found._children]


def test_every_core_has_a_process():
    assert devices("", "cpu") == ["cpu"] * processes()
    assert devices("--jobs 3", "cpu") == ["cpu"] * 3


def test_every_gpu_has_its_processes(monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert devices("", "cuda") == ["cuda:0", "cuda:1"]
    assert devices("--per-gpu 2", "cuda") == ["cuda:0", "cuda:1"] * 2
    assert devices("--jobs 3", "cuda") == ["cuda:0", "cuda:1", "cuda:0"]
    assert devices("--per-gpu 2", "cuda:1") == ["cuda:1", "cuda:1"]


def test_one_process_is_enough_for_a_debugger():
    assert isinstance(workers("--in-process", "cpu"), InProcess)


def test_cores_are_those_this_process_may_use(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {1, 5, 7}, raising=False)
    assert processes() == 3
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert processes() == 1


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("--shard 0/3", "'0/3' is no shard"),
        ("--shard 4/3", "1 <= I <= N"),
        ("--shard 3", "'3' is no shard"),
        ("--timeout 0", "'0' is not a positive number of seconds"),
        ("--timeout nan", "'nan' is not"),
        ("--timeout soon", "'soon' is not"),
        ("--per-gpu 0", "--per-gpu"),
    ],
)
def test_bad_options_are_named(capsys, text, said):
    with pytest.raises(SystemExit):
        workers(text, "cpu")
    assert said in capsys.readouterr().err
