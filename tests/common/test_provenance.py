import json
import os
import platform
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import torch

from bench import __version__
from bench.common import provenance as module
from bench.common.provenance import PACKAGES, device_name, provenance


def test_code_versions_and_machine_are_described():
    told = provenance()
    assert set(told) >= {"commit", "dirty", "python", "platform", "cpu", "cpu_capability"}
    assert set(told) >= set(PACKAGES)
    assert torch.__version__.partition("+")[0] == told["torch"].partition("+")[0]
    assert told["numpy"] == np.__version__
    assert told["python"] == platform.python_version()
    assert f"{os.cpu_count()} cores" in told["cpu"]
    assert all(isinstance(value, str) for value in told.values())
    assert all(value for name, value in told.items() if name != "changes")
    assert json.loads(json.dumps(dict(told))) == told


def test_no_host_or_user_name_is_told():
    text = json.dumps(dict(provenance()))
    assert platform.node() not in text


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A copy of the packages, below a folder that may become a repository."""
    site = tmp_path / "venv" / "site-packages"
    for name in ("bench", "destseg"):
        (site / name).mkdir(parents=True)
        (site / name / "__init__.py").write_text(f"# {name}")
        (site / name / "code.py").write_text("1")
    monkeypatch.setattr(module, "__file__", str(site / "bench" / "common" / "provenance.py"))
    # Nothing around the test, such as a hook or another checkout, may be looked at.
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    return site


def git(folder, *arguments):
    identity = ["-c", "user.name=n", "-c", "user.email=e", "-c", "commit.gpgsign=false"]
    command = ["git", "-C", str(folder), *identity, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def commit(folder, files="."):
    git(folder, "init", "-q")
    git(folder, "add", files)
    git(folder, "commit", "-qm", "first")
    return git(folder, "rev-parse", "HEAD")


INSTALLED = re.compile(rf"destseg-bench {re.escape(__version__)}, sources [0-9a-f]{{16}}")


def without_git(package, monkeypatch):
    def missing(*_, **__):
        raise FileNotFoundError("git")

    monkeypatch.setattr(subprocess, "run", missing)


def in_no_repository(package, monkeypatch):
    pass


def untracked_in_a_foreign_repository(package, monkeypatch):
    (package.parents[1] / "own.py").write_text("")
    commit(package.parents[1], "own.py")


def ignored_in_a_foreign_repository(package, monkeypatch):
    (package.parents[1] / ".gitignore").write_text("venv/")
    commit(package.parents[1])


needs_git = pytest.mark.skipif(shutil.which("git") is None, reason="needs git")


@pytest.mark.parametrize(
    "place",
    [
        without_git,
        in_no_repository,
        pytest.param(untracked_in_a_foreign_repository, marks=needs_git),
        pytest.param(ignored_in_a_foreign_repository, marks=needs_git),
    ],
)
def test_what_no_repository_tracks_is_told_by_version_and_digest(package, monkeypatch, place):
    place(package, monkeypatch)
    told = {module._code()}
    assert told == {module._code()}
    for file in ("bench/code.py", "destseg/code.py", "destseg/new.py"):
        (package / file).write_text("2")
        told.add(module._code())
    assert len(told) == 4, "each change has a digest of its own"
    for commit, *changed in told:
        assert INSTALLED.fullmatch(commit)
        assert changed == ["no", ""]


@needs_git
def test_a_checkout_is_told_by_its_commit_and_what_differs(package):
    head = commit(package)
    assert module._code() == (head, "no", "")
    (package / "results").mkdir()
    (package / "results" / "cells.csv").write_text("1")
    assert module._code() == (head, "no", ""), "only code makes it dirty"
    digests = set()
    for file in ("bench/code.py", "destseg/code.py", "bench/new.py", "destseg/new.py"):
        path = package / file
        before = path.read_bytes() if path.exists() else None
        for text in ("2", "3"):
            path.write_text(text)
            assert module._code() == module._code()
            assert module._code()[:2] == (head, "yes")
            digests.add(module._code()[2])
        path.unlink() if before is None else path.write_bytes(before)
        assert module._code() == (head, "no", "")
    assert len(digests) == 8, "each change has a digest of its own"
    assert {len(digest) for digest in digests} == {16}


@needs_git
def test_a_copy_that_another_repository_tracks_is_of_its_commit(package):
    head = commit(package.parents[1])
    assert module._code() == (head, "no", "")


def test_the_cpu_is_called_so():
    assert device_name("cpu") == "cpu"


def test_an_accelerator_is_called_by_its_model(monkeypatch):
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: f"model of {device}")
    assert device_name("cuda:1") == "model of cuda:1"


def test_switches_that_are_on_are_named(monkeypatch):
    monkeypatch.setattr(torch.backends.cudnn, "deterministic", True)
    monkeypatch.setattr(torch.backends.cudnn, "benchmark", False)
    switches = module.determinism("cpu").split(", ")
    assert "cudnn deterministic" in switches
    assert "cudnn benchmark" not in switches
    for there in (True, False):
        monkeypatch.setattr(module, "has_triton", lambda there=there: there)
        assert ("own kernels" in module.determinism("cuda:1")) is there
        assert "own kernels" not in module.determinism("cpu")


def test_where_the_system_tells_no_memory_none_is_claimed(monkeypatch):
    assert module.peak_memory() > 2**20

    def untold(*_, **__):
        raise FileNotFoundError

    monkeypatch.setattr(Path, "read_text", untold)
    assert module.peak_memory() > 2**20
    monkeypatch.setattr(module, "resource", None)
    assert module.peak_memory() == 0
