import hashlib
import json
import os

import numpy as np
import pytest
import torch

from bench.data import teacher as teacher_module
from bench.data.cache import NotCached, only_cached
from bench.data.pretraining import Recipe, pretrain
from bench.data.pretraining_images import CLASSES, SHAPES, _shape, draw_classes
from bench.data.teacher import DISTILLED, load_teacher, prepare_teacher, tensor_digest
from destseg.batches import as_tensor, normalise
from destseg.errors import InputError
from destseg.resnet import ResNet18
from destseg.weights import PublishedWeights

TINY = Recipe(width=4, steps=6, per_class=2, size=32, batch=16)


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def tiny(cache):
    return prepare_teacher("procedural", cache, recipe=TINY)


def full_state(width=4, layers=4):
    torch.manual_seed(0)
    state = ResNet18(width, layers).state_dict()
    state["fc.weight"], state["fc.bias"] = torch.randn(10, 8 * width), torch.randn(10)
    return state


def save(path, content):
    torch.save(content, path)
    return path


def living_features(trunk):
    """The features of some images, of which few channels may be constant."""
    images, _ = draw_classes(np.random.default_rng(9), 1, 32)
    features = trunk(normalise(as_tensor(images)))
    assert all((level.var((0, 2, 3)) > 1e-6).float().mean() > 0.8 for level in features)
    return features


def test_pretraining_images_are_labelled_seeded_and_varied():
    images, labels = draw_classes(np.random.default_rng(0), 3, 32)
    again, _ = draw_classes(np.random.default_rng(0), 3, 32)
    other, _ = draw_classes(np.random.default_rng(1), 3, 32)
    assert images.shape == (3 * len(CLASSES), 32, 32, 3)
    assert images.dtype == np.uint8
    assert labels.tolist() == [label for label in range(len(CLASSES)) for _ in range(3)]
    np.testing.assert_array_equal(images, again)
    assert (images != other).mean() > 0.5
    assert images.std((1, 2, 3)).min() > 2


def test_every_shape_is_another():
    rngs = (np.random.default_rng(5) for _ in SHAPES)
    covers = [_shape(rng, kind, 4, 48) for rng, kind in zip(rngs, SHAPES, strict=True)]
    for cover in covers:
        assert 0 <= cover.min() <= cover.max() <= 1
        assert (cover.mean((1, 2)) > 0.005).all()
        assert (cover.mean((1, 2)) < 0.4).all()
    distinct = {cover.tobytes() for cover in covers}
    assert len(distinct) == len(SHAPES)


def test_pretraining_is_repeatable_and_leaves_no_trace(tiny):
    torch.manual_seed(123)
    torch.rand(7)
    before, threads = torch.random.get_rng_state(), torch.get_num_threads()
    trunk = pretrain(TINY).trunk
    assert torch.equal(torch.random.get_rng_state(), before)
    assert torch.get_num_threads() == threads
    assert tensor_digest(trunk.state_dict()) == tiny.digest


def test_seed_changes_the_teacher(tiny, cache):
    other = prepare_teacher("procedural", cache, recipe=Recipe(**{**vars(TINY), "seed": 1}))
    assert other.digest != tiny.digest
    assert other.path != tiny.path


def test_pretraining_learns():
    recipe = Recipe(width=8, steps=80, per_class=12, size=32)
    result = pretrain(recipe)
    # Chance is 1 in 64, with a standard deviation of 0.6 % over 512 held-out images.
    assert result.accuracy > 0.06
    assert result.training_accuracy > 0.06


def test_procedural_teacher_is_cached_and_reports_its_accuracy(tiny, cache, monkeypatch):
    monkeypatch.setattr(teacher_module, "pretrain", None)
    assert prepare_teacher("procedural", cache, recipe=TINY) == tiny
    report = json.loads((tiny.path.parent / "report.json").read_text())
    assert report["recipe"]["steps"] == TINY.steps
    assert report["accuracy"] == tiny.accuracy
    assert 0 <= report["training_accuracy"] <= 1
    assert (tiny.name, tiny.width) == ("procedural", 4)


def test_teacher_is_frozen_in_eval_mode_and_alive(tiny):
    trunk = load_teacher(tiny)
    assert not any(module.training for module in trunk.modules())
    assert not any(parameter.requires_grad for parameter in trunk.parameters())
    shapes = [tuple(level.shape[1:]) for level in living_features(trunk)]
    assert shapes == [(4, 8, 8), (8, 4, 4), (16, 2, 2)]


def test_file_with_layer4_and_fc_is_accepted(tmp_path, cache):
    path = save(tmp_path / "mine.pth", full_state())
    ref = prepare_teacher(str(path), cache, width=4)
    assert (ref.name, ref.width, ref.accuracy) == ("mine", 4, None)
    kept = torch.load(ref.path, weights_only=True)
    assert not any(key.startswith(("layer4", "fc")) for key in kept)
    path.unlink()  # The teacher is a copy, safe from later edits.
    assert torch.equal(load_teacher(ref).conv1.weight, full_state()["conv1.weight"])
    assert tensor_digest(load_teacher(ref).state_dict()) == ref.digest


def test_digest_is_of_the_trunks_tensors(tmp_path, cache):
    state = full_state()
    whole = prepare_teacher(str(save(tmp_path / "a.pth", state)), cache, width=4)
    trunk = {
        key: value
        for key, value in state.items()
        if not key.startswith(("layer4", "fc")) and not key.endswith("batches_tracked")
    }
    bare = prepare_teacher(str(save(tmp_path / "b.pth", trunk)), cache, width=4)
    assert whole.digest == bare.digest
    trunk["bn1.bias"] = trunk["bn1.bias"] + 1
    other = prepare_teacher(str(save(tmp_path / "c.pth", trunk)), cache, width=4)
    assert other.digest != whole.digest


def test_a_bad_weight_file_is_named(tmp_path, cache):
    state = full_state()
    state["layer1.0.conv1.weight"][0] = torch.nan
    path = save(tmp_path / "w.pth", state)
    with pytest.raises(InputError, match=f"^{path}: conv1.weight has shape .*; set the teacher's"):
        prepare_teacher(str(path), cache, width=8)
    said = f"^{path}: layer1.0.conv1.weight holds values that are not finite; give an undamaged"
    with pytest.raises(InputError, match=said):
        prepare_teacher(str(path), cache, width=4)


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("distiled", "neither a teacher's name nor a weight file; did you mean distilled?"),
        ("vgg", "neither a teacher's name nor a weight file; there are distilled, procedural, "),
        ("weights/own.pth", "no such weight file; give the path of one"),
    ],
)
def test_a_source_that_is_no_teacher_is_told_by_what_it_looks_like(source, said, cache):
    with pytest.raises(InputError, match=f"{source}.*: {said}".replace("?", r"\?")):
        prepare_teacher(source, cache)


@pytest.fixture
def at_hand(tmp_path, monkeypatch):
    """Stand-in ImageNet weights where torch keeps them."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    file = tmp_path / "torch" / "hub" / "checkpoints" / "net.pth"
    file.parent.mkdir(parents=True)
    torch.save(full_state(width=64), file)
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    weights = PublishedWeights("stand-in", "http://127.0.0.1:9/net.pth", digest)
    monkeypatch.setattr(teacher_module, "imagenet", lambda: weights)
    return file


def test_imagenet_has_one_width(tmp_path, at_hand):
    first = prepare_teacher("imagenet", tmp_path / "cache")
    assert prepare_teacher("imagenet", tmp_path / "cache") == first
    assert (first.name, first.width) == ("imagenet", 64)
    with pytest.raises(InputError, match="set the teacher's width"):
        prepare_teacher("imagenet", tmp_path / "cache", width=16)


def test_imagenet_is_not_downloaded_while_only_looking(tmp_path, at_hand):
    at_hand.unlink()
    with only_cached(check=True), pytest.raises(NotCached):
        prepare_teacher("imagenet", tmp_path / "cache")
    with pytest.raises(InputError, match=r"put the file from .* there, or .* --teacher"):
        prepare_teacher("imagenet", tmp_path / "cache")


def test_real_imagenet_trunk(real_data, tmp_path):
    file = real_data / "resnet18_imagenet_layers1to3.pth"
    ref = prepare_teacher(str(file), tmp_path / "cache")
    features = load_teacher(ref)(torch.zeros(1, 3, 64, 64))
    assert [level.shape[1] for level in features] == [64, 128, 256]
    assert ref.name == "resnet18_imagenet_layers1to3"


def test_untrained_teacher_is_the_same_bits_everywhere(cache):
    """Its digest was computed once, and on processors that round differently."""
    ref = prepare_teacher("untrained", cache, width=8)
    assert (ref.name, ref.width, ref.accuracy) == ("untrained", 8, None)
    assert ref.digest == tensor_digest(load_teacher(ref).state_dict())
    assert ref.digest.startswith("9eee63d2314e")
    assert prepare_teacher("untrained", cache, width=4).digest != ref.digest
    living_features(load_teacher(ref))


def test_the_distilled_teacher_is_the_one_of_its_card(tmp_path):
    teacher = prepare_teacher("distilled", tmp_path, width=16)
    assert (teacher.name, teacher.width) == ("distilled", 16)
    assert teacher.digest in DISTILLED.with_name("README.md").read_text(encoding="utf-8")
    assert DISTILLED.stat().st_size < 2**20


def test_the_distilled_teacher_has_one_width(tmp_path):
    with pytest.raises(InputError, match="width 16, not 32; set the teacher's width to 16, or"):
        prepare_teacher("distilled", tmp_path, width=32)


def test_without_a_home_folder_the_whole_path_is_asked_for(monkeypatch, tmp_path):
    monkeypatch.setattr(os.path, "expanduser", str)
    with pytest.raises(InputError, match=r"teacher ~/w.pth: this user has no home folder"):
        prepare_teacher("~/w.pth", tmp_path)


def test_a_damaged_file_of_the_package_is_no_other_teacher(monkeypatch, tmp_path):
    """Its tensors would only be another digest, and the numbers those of another teacher."""
    state = torch.load(DISTILLED, weights_only=True)
    state["bn1.bias"] = state["bn1.bias"] + 1e-3
    other = save(tmp_path / "distilled.pth", state)
    monkeypatch.setattr(teacher_module, "DISTILLED", other)
    with pytest.raises(InputError, match="is not the file of the package; install that again"):
        prepare_teacher("distilled", tmp_path, width=16)
