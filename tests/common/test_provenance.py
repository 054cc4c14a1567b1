import json
import os
import platform
import shutil
import subprocess

import numpy as np
import pytest
import torch

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


def test_without_git_the_commit_is_unknown(monkeypatch):
    def missing(*_, **__):
        raise FileNotFoundError("git")

    monkeypatch.setattr(subprocess, "run", missing)
    assert module._commit() == ("unknown", "unknown", "")


@pytest.mark.skipif(shutil.which("git") is None, reason="needs git")
class TestCheckout:
    @pytest.fixture
    def checkout(self, tmp_path, monkeypatch):
        for name in ("bench", "destseg"):
            (tmp_path / name).mkdir()
            (tmp_path / name / "code.py").write_text("1")
        monkeypatch.setattr(
            module, "__file__", str(tmp_path / "bench" / "common" / "provenance.py")
        )
        # Nothing around the test, such as a hook or another checkout, may be looked at.
        for name in [name for name in os.environ if name.startswith("GIT_")]:
            monkeypatch.delenv(name)
        monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
        return tmp_path

    @staticmethod
    def git(folder, *arguments):
        identity = ["-c", "user.name=n", "-c", "user.email=e", "-c", "commit.gpgsign=false"]
        command = ["git", "-C", str(folder), *identity, *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    def test_no_checkout(self, checkout):
        assert module._commit() == ("unknown", "unknown", "")

    def test_only_code_makes_a_checkout_dirty(self, checkout):
        self.git(checkout, "init", "-q")
        self.git(checkout, "add", ".")
        self.git(checkout, "commit", "-qm", "first")
        commit = self.git(checkout, "rev-parse", "HEAD")
        assert module._commit() == (commit, "no", "")
        (checkout / "results").mkdir()
        (checkout / "results" / "cells.csv").write_text("1")
        assert module._commit() == (commit, "no", "")
        digests = set()
        for name in ("bench", "destseg"):
            code = checkout / name / "code.py"
            for text in ("2", "3"):
                code.write_text(text)
                assert module._commit()[:2] == (commit, "yes")
                assert module._commit() == module._commit()
                digests.add(module._commit()[2])
            code.write_text("1")
        new = checkout / "destseg" / "new.py"
        for text in ("3", "4"):
            new.write_text(text)
            assert module._commit()[:2] == (commit, "yes")
            digests.add(module._commit()[2])
        assert len(digests) == 6, "each change has a digest of its own"
        assert {len(digest) for digest in digests} == {16}
        new.unlink()
        assert module._commit() == (commit, "no", "")


def test_the_cpu_is_called_so():
    assert device_name("cpu") == "cpu"


def test_an_accelerator_is_called_by_its_model(monkeypatch):
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: f"model of {device}")
    assert device_name("cuda:1") == "model of cuda:1"


def test_switches_that_are_on_are_named(monkeypatch):
    monkeypatch.setattr(torch.backends.cudnn, "deterministic", True)
    monkeypatch.setattr(torch.backends.cudnn, "benchmark", False)
    switches = module.determinism().split(", ")
    assert "cudnn deterministic" in switches
    assert "cudnn benchmark" not in switches
