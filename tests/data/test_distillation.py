import numpy as np
import pytest
import torch

from bench.data import distillation_images as distillation_images_module
from bench.data.distillation import KEPT, Distillation, distil, main, targets
from bench.data.distillation_images import distillation_images
from bench.data.teacher import tensor_digest, untrained_trunk


@pytest.fixture(scope="module", autouse=True)
def small_chunks():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(distillation_images_module, "PER_CLASS", 1)
        yield


@pytest.fixture(scope="module")
def images(small_chunks):
    return distillation_images(48, jobs=1)


@pytest.fixture(scope="module")
def large():
    return untrained_trunk(32).requires_grad_(False)


def test_images_are_the_same_each_time(images):
    assert images.shape == (48, 64, 64, 3)
    assert images.dtype == np.uint8
    assert np.array_equal(images[:8], distillation_images(8, jobs=1))
    assert len({image.tobytes() for image in images}) == 48


def test_targets_keep_the_cosines_of_unit_features(large, images):
    found = targets(large, images[:8])
    assert [level.shape[1] for level in found] == list(KEPT)
    assert [level.shape[2] for level in found] == [16, 8, 4]
    for level in found:
        norms = level.float().norm(dim=1)
        assert norms.max() <= 1.01
        # What the other directions hold is little: the cosines are nearly those of all channels.
        assert norms.mean() > 0.9


def test_the_small_trunk_comes_to_see_as_the_large_one(large, images):
    recipe = Distillation(width=8, steps=30, batch=16)
    losses = []
    trunk = distil(large, recipe, images, on_step=lambda _, loss: losses.append(loss))
    (first,) = losses_of(large, images)
    assert losses[-1] < 0.9 * first
    assert trunk.channels == (8, 16, 32)
    assert not any(p.requires_grad for p in trunk.parameters())


def losses_of(large, images):
    losses = []
    recipe = Distillation(width=8, steps=1, batch=16)
    distil(large, recipe, images, on_step=lambda _, loss: losses.append(loss))
    return losses


def test_a_seed_gives_one_trunk_and_leaves_the_global_generator(large, images):
    recipe = Distillation(width=8, steps=2, batch=8)
    before = torch.get_rng_state()
    first, second = (distil(large, recipe, images) for _ in range(2))
    assert torch.equal(before, torch.get_rng_state())
    assert tensor_digest(first.state_dict()) == tensor_digest(second.state_dict())
    other = distil(large, recipe, images, start=first)
    assert tensor_digest(other.state_dict()) != tensor_digest(first.state_dict())


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--out", "missing/t.pth"], "in a folder that can be written"),
        (["--out", "t.pth", "--seed", "-1"], "not a whole number"),
        (["--out", "t.pth", "--seed", "9" * 23], "not a whole number"),
        (["--out", "t.pth", "--teacher", "text.pth"], "error: "),
        (["--out", "t.pth", "--teacher", "missing.pth"], "error: "),
    ],
)
def test_bad_input_is_one_sentence(options, said, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "text.pth").write_text("no weights")
    monkeypatch.setattr("sys.argv", ["distillation", *options])
    with pytest.raises(SystemExit) as exit_:
        main()
    assert exit_.value.code == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "t.pth").exists()
