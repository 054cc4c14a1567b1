import hashlib
import os
import pickle
import re
import sys
import warnings
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from destseg import weights
from destseg.errors import InputError
from destseg.resnet import ResNet18
from destseg.weights import find_weights, imagenet, load_trunk, read_state_dict
from tests.data.scripted_server import running_server

WIDTH = 8


class MakesDirectory:
    """Unpickling it creates a directory: the sign that a file's code has run."""

    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return os.mkdir, (self.path,)


@pytest.fixture
def state():
    """A whole classifier under torchvision's names, at a small width."""
    trunk = ResNet18(WIDTH)
    for tensor in trunk.state_dict().values():
        if tensor.is_floating_point():
            tensor.uniform_(0.1, 1)
    return {
        **trunk.state_dict(),
        "fc.weight": torch.zeros(10, 8 * WIDTH),
        "fc.bias": torch.zeros(10),
    }


def refusal(path, **sizes):
    with pytest.raises(InputError) as caught:
        load_trunk(path, **sizes)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_deeper_layers_and_classifier_are_ignored(tmp_path, state):
    path = tmp_path / "whole.pth"
    torch.save(state, path)
    trunk = load_trunk(path, width=WIDTH, layers=3)
    loaded = trunk.state_dict()
    assert {key.split(".")[0] for key in loaded} == {"conv1", "bn1", "layer1", "layer2", "layer3"}
    assert all(torch.equal(loaded[key], state[key]) for key in loaded)


def test_files_older_than_batch_counters(tmp_path, state):
    path = tmp_path / "old.pth"
    torch.save({k: v for k, v in state.items() if not k.endswith("num_batches_tracked")}, path)
    trunk = load_trunk(path, width=WIDTH)
    assert torch.equal(trunk.bn1.running_var, state["bn1.running_var"])


def test_legacy_serialisation(tmp_path, state):
    path = tmp_path / "legacy.pth"
    torch.save(state, path, _use_new_zipfile_serialization=False)
    assert torch.equal(load_trunk(path, width=WIDTH).conv1.weight, state["conv1.weight"])


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\0" * 1000,
        b"<!DOCTYPE html><html>404 Not Found</html>",
        b"version https://git-lfs.github.com/spec/v1\n",
        b"hello",
        b"0",
        b"a",  # pickle opcodes that fail in other ways than an unpickling error
        b"\x8a\x04\0\0\0",
        b"L1\n",
        b"PK\x03\x04 not a zip",
        b"\x80\x02",
        b"\x80\x02}q\x00(X\x05\x00\x00\x00conv1",
    ],
)
def test_no_weight_file(tmp_path, content):
    path = tmp_path / "other.pth"
    path.write_bytes(content)
    said = refusal(path)
    assert re.search(": not a PyTorch file(;| of plain tensors: it is damaged or )", said)
    assert said.endswith("; give a state dict written by torch.save(model.state_dict(), path).")


def test_truncated_file_directory_and_nothing(tmp_path, state):
    path = tmp_path / "short.pth"
    torch.save(state, path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert "not a PyTorch file" in refusal(path)
    assert "a folder, not a file; give" in refusal(tmp_path)
    assert "no such weight file; give" in refusal(tmp_path / "absent.pth")


@pytest.mark.parametrize("protocol", [2, 5])
def test_code_in_a_pickle_never_runs(tmp_path, protocol):
    path, trap = tmp_path / "evil.pth", tmp_path / "trap"
    path.write_bytes(pickle.dumps({"conv1.weight": MakesDirectory(trap)}, protocol))
    assert "not a PyTorch file" in refusal(path)
    assert not trap.exists()
    pickle.loads(path.read_bytes())
    assert trap.exists(), "the trap does not work, so nothing was shown"


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("protocol", [2, 5])
def test_code_in_a_torch_file_never_runs(tmp_path, state, protocol, zipped):
    path, trap = tmp_path / "evil.pth", tmp_path / "trap"
    evil = {**state, "evil": MakesDirectory(trap)}
    torch.save(evil, path, pickle_protocol=protocol, _use_new_zipfile_serialization=zipped)
    assert "not a PyTorch file" in refusal(path)
    assert not trap.exists()
    torch.load(path, weights_only=False)
    assert trap.exists(), "the trap does not work, so nothing was shown"


@pytest.mark.parametrize("protocol", [2, 5])
def test_model_object_is_refused(tmp_path, protocol):
    path = tmp_path / "model.pth"
    torch.save(nn.Linear(2, 2), path, pickle_protocol=protocol)
    assert "not a PyTorch file of plain tensors" in refusal(path)


@pytest.mark.parametrize("content", [[torch.zeros(2)], {"conv1.weight": "text"}, {"state": {}}])
def test_other_objects_are_refused(tmp_path, content):
    path = tmp_path / "other.pth"
    torch.save(content, path)
    assert "instead of a state dict of tensors" in refusal(path)


def test_only_the_protocol_warning_is_silenced(tmp_path, monkeypatch):
    def load(*args, **options):
        warnings.warn("Detected pickle protocol 5 in the checkpoint", UserWarning, stacklevel=2)
        warnings.warn("something else", UserWarning, stacklevel=2)
        return {}

    monkeypatch.setattr(torch, "load", load)
    with pytest.warns(UserWarning, match="something else") as seen:
        read_state_dict(tmp_path / "any.pth")
    assert [str(warning.message) for warning in seen] == ["something else"]


def test_missing_keys(tmp_path, state):
    path = tmp_path / "renamed.pth"
    torch.save({f"{key}.other": value for key, value in state.items()}, path)
    message = refusal(path, width=WIDTH)
    assert "missing" in message
    assert "'conv1.weight'" in message
    del state["layer3.1.bn2.running_mean"]
    torch.save(state, path)
    assert "1 of 90" in refusal(path, width=WIDTH)


def as_half(state):
    return {k: v.half() if v.is_floating_point() else v for k, v in state.items()}


WRAPPED = {
    "data parallel": lambda s: {f"module.{k}": v for k, v in s.items()},
    "compiled, in a trainer": lambda s: {f"model._orig_mod.{k}": v for k, v in s.items()},
    "state_dict": lambda s: {"state_dict": s, "epoch": 3, "optimizer": {"lr": 0.1}},
    "model": lambda s: {"model": s},
    "net, data parallel": lambda s: {"net": {f"module.{k}": v for k, v in s.items()}, "acc": 0.9},
}


@pytest.mark.parametrize("wrap", WRAPPED.values(), ids=WRAPPED)
def test_common_wrappings_are_taken_off(tmp_path, state, wrap):
    torch.save(wrap(state), tmp_path / "wrapped.pth")
    trunk = load_trunk(tmp_path / "wrapped.pth", width=WIDTH)
    assert torch.equal(trunk.conv1.weight, state["conv1.weight"])
    assert torch.equal(trunk.layer3[1].bn2.running_mean, state["layer3.1.bn2.running_mean"])


def test_a_prefix_of_some_names_alone_stays(tmp_path, state):
    some = {f"module.{k}": v for k, v in state.items()} | {"head.weight": torch.zeros(1)}
    torch.save(some, tmp_path / "some.pth")
    assert "'conv1.weight'" in refusal(tmp_path / "some.pth", width=WIDTH)


def test_half_precision_becomes_single_and_whole_numbers_are_refused(tmp_path, state):
    path = tmp_path / "half.pth"
    torch.save(as_half(state), path)
    trunk = load_trunk(path, width=WIDTH)
    assert trunk.conv1.weight.dtype == torch.float32
    assert torch.allclose(trunk.conv1.weight, state["conv1.weight"], atol=1e-3)
    torch.save({**state, "conv1.weight": torch.ones(WIDTH, 3, 7, 7, dtype=torch.int8)}, path)
    assert "conv1.weight is of type torch.int8" in refusal(path, width=WIDTH)


def test_safetensors_are_read_or_their_package_named(tmp_path, state, monkeypatch):
    path = tmp_path / "model.safetensors"
    path.write_bytes(b"no tensors")
    monkeypatch.setitem(sys.modules, "safetensors.torch", None)
    assert "takes the package safetensors; install it" in refusal(path, width=WIDTH)
    monkeypatch.undo()
    safetensors = pytest.importorskip("safetensors.torch")
    assert "not a safetensors file" in refusal(path, width=WIDTH)
    safetensors.save_file({f"backbone.{k}": v for k, v in state.items()}, path)
    assert torch.equal(load_trunk(path, width=WIDTH).conv1.weight, state["conv1.weight"])


def test_what_is_quoted_has_no_codes_of_a_terminal(tmp_path, state):
    path = tmp_path / "scalar.pth"
    torch.save({**state, "acc": np.float64(1)}, path)
    assert "\x1b" not in refusal(path, width=WIDTH)


def test_a_pipe_is_refused_and_never_opened(tmp_path):
    os.mkfifo(tmp_path / "pipe.pth")
    assert "a pipe or device, not a file" in refusal(tmp_path / "pipe.pth")


def test_shapes_of_another_width(tmp_path, state):
    path = tmp_path / "narrow.pth"
    torch.save(state, path)
    message = refusal(path, width=2 * WIDTH)
    assert "conv1.weight has shape (8, 3, 7, 7)" in message
    assert "(16, 3, 7, 7)" in message


def test_real_teacher(real_data):
    real_teacher = real_data / "resnet18_imagenet_layers1to3.pth"
    trunk = load_trunk(real_teacher).eval()
    assert sum(parameter.numel() for parameter in trunk.parameters()) == 2_782_784
    loaded, file = trunk.state_dict(), torch.load(real_teacher, weights_only=True)
    assert all(torch.equal(loaded[key], file[key]) for key in file)
    with torch.no_grad():
        features = trunk(torch.randn(1, 3, 64, 64))
    # Trained features stay of order one from layer to layer.
    assert all(0.05 < feature.mean() < 2 for feature in features)


# Published weights


CONTENT = b"weights " * 5000


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with running_server() as server:
        server.script.content = CONTENT
        yield server


@pytest.fixture
def published(server, tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    digest = hashlib.sha256(CONTENT).hexdigest()
    return weights.PublishedWeights("some net", server.url, digest)


def test_the_papers_teacher_is_torchvisions_first_version():
    found = imagenet()
    assert found.name == "torchvision's ResNet18_Weights.IMAGENET1K_V1"
    assert found.url == "https://download.pytorch.org/models/resnet18-f37072fd.pth"
    assert found.sha256.startswith("f37072fd")
    assert len(found.sha256) == 64


def test_published_weights_are_downloaded_once(published, server, tmp_path):
    place = tmp_path / "torch" / "hub" / "checkpoints" / "archive.tar.xz"
    assert published.file() == published.file() == place
    assert place.read_bytes() == CONTENT
    assert len(server.script.log) == 1


def test_a_download_that_is_another_file_is_not_kept(published, tmp_path):
    other = replace(published, sha256="0" * 64)
    with pytest.raises(InputError, match=r"some net cannot be obtained \(its SHA-256 is"):
        other.file()
    assert not list((tmp_path / "torch").rglob("*.*"))


def test_a_download_that_is_cut_off_is_not_kept(published, server, tmp_path):
    server.script.cuts = [1000]
    with pytest.raises(InputError, match=rf"cut off after 1000 of {len(CONTENT)} bytes"):
        published.file()
    assert not list((tmp_path / "torch").rglob("*.*"))


@pytest.mark.parametrize("length", [True, False])
def test_a_download_beyond_all_bounds_ends(published, server, tmp_path, monkeypatch, length):
    server.script.length = length
    monkeypatch.setattr(weights, "LARGEST", len(CONTENT) // 4)
    monkeypatch.setattr(weights, "CHUNK", 1000)
    with pytest.raises(InputError, match=r"some net cannot be obtained \(it has more than"):
        published.file()
    assert not list((tmp_path / "torch").rglob("*.*"))
    published.place.write_bytes(CONTENT)
    assert published.file() == published.place, "what is at hand has no bound"


def test_a_file_at_hand_that_is_another_is_refused(published):
    published.place.parent.mkdir(parents=True)
    published.place.write_bytes(CONTENT[:-1])
    with pytest.raises(InputError, match=r"its SHA-256 is .*, that of some net is .*; remove it"):
        published.file()


def test_offline_says_what_to_put_where(published):
    away = replace(published, url="http://127.0.0.1:9/net.pth")
    with pytest.raises(InputError) as caught:
        away.file()
    assert str(caught.value).startswith(f"{away.place}: some net cannot be obtained")
    assert f"put the file from {away.url} there, or give the path" in str(caught.value)


def test_gone_from_the_server(published, server):
    server.script.statuses = [404]
    with pytest.raises(InputError, match="404"):
        published.file()


def test_find_weights(published, monkeypatch, tmp_path):
    monkeypatch.setattr(weights, "imagenet", lambda: published)
    assert find_weights("imagenet") == published.place
    assert find_weights(tmp_path / "own.pth") == tmp_path / "own.pth"
    with pytest.raises(InputError, match=r"teacher imgenet: .*; did you mean imagenet\?"):
        find_weights("imgenet")
