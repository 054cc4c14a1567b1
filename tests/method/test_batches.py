import itertools

import numpy as np
import pytest
import torch
from torchvision.transforms import functional

from destseg import anomalies, feeding
from destseg.batches import (
    Draws,
    Finish,
    TrainingImages,
    as_tensor,
    normalise,
    training_batches,
)
from destseg.config import AnomalyConfig, Rotation
from destseg.turning import draw_turn, turned
from tests.method.noise_definition import defined_masks

SIDE = 16
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
NEVER = AnomalyConfig(threshold=10.0)  # no noise is so large: nothing is corrupted


def plain_images(count):
    """Image i is of the constant value 10 i, and so tells its index."""
    values = np.arange(count, dtype=np.uint8) * 10
    return np.broadcast_to(values[:, None, None, None], (count, SIDE, SIDE, 3)).copy()


def textures(count=3):
    return np.random.default_rng(0).integers(0, 256, (count, SIDE, SIDE, 3), np.uint8)


def training_data(count, **options):
    return TrainingImages(plain_images(count), textures(), **options)


def indices(batch):
    red = batch.clean[:, 0].mean(dim=(1, 2)) * STD[0] + MEAN[0]
    return [round(value) for value in (red * 255 / 10).tolist()]


def drawn(count, *, steps, batch_size=4, seed=0):
    batches = training_batches(
        training_data(count), batch_size=batch_size, steps=steps, seed=seed, anomalies=NEVER
    )
    return [indices(batch) for batch in batches]


def noisy_data(count, size, rotation):
    """Images of noise, and one of the extremes, of whose edges a rotation makes all values."""
    images = np.random.default_rng(1).integers(0, 256, (count, *size, 3), np.uint8)
    images[0] = np.where(images[0] < 128, 0, 255)
    foreign = np.random.default_rng(2).integers(0, 256, (3, *size, 3), np.uint8)
    return TrainingImages(images, foreign, rotation)


def same(batch, other):
    return all(torch.equal(*parts) for parts in zip(batch, other, strict=True))


# For an accelerator


@pytest.mark.parametrize("stream", ["fresh", "fixed"])
@pytest.mark.parametrize(
    ("size", "rotation"),
    [
        ((48, 48), Rotation()),
        ((24, 40), Rotation()),
        ((17, 17), Rotation(quarter_turns=True)),
        ((24, 40), Rotation(degrees=5)),
        ((33, 7), Rotation(degrees=180)),
        ((48, 48), Rotation(quarter_turns=True, degrees=5)),
        ((33, 33), Rotation(quarter_turns=True, degrees=180)),
    ],
)
def test_a_finished_draft_is_the_batch_to_the_bit(size, rotation, stream):
    data, config = noisy_data(8, size, rotation), AnomalyConfig(rotation_stream=stream)
    finish = Finish(data, "cpu")
    covered = []
    for batch_size in (1, 8):
        draws = Draws(data, batch_size=batch_size, seed=4, anomalies=config)
        for index in range(4):
            batch, finished = draws.batch(index), finish(draws.draft(index))
            assert same(batch, finished)
            assert all(part.is_contiguous() for part in finished)
            assert [part.dtype for part in finished] == [torch.float32] * 3
            covered += batch.mask.flatten(1).any(dim=1).tolist()
    assert set(covered) == {False, True}  # empty masks, too


def test_a_draft_is_a_fraction_of_its_batch():
    draws = Draws(noisy_data(8, (64, 64), Rotation(degrees=5)), batch_size=8, seed=0)
    batch, draft = (sum(part.nbytes for part in drawn(0)) for drawn in (draws.batch, draws.draft))
    assert draft < batch / 6.9


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_an_accelerators_drafts_come_from_other_processes_and_are_finished_there(monkeypatch):
    # There is none here: what would be copied to it is taken before.
    monkeypatch.setattr(feeding, "placed", lambda stream, _: stream)
    monkeypatch.setattr(feeding, "AHEAD", 2)
    devices = []

    def finish(data, device):
        devices.append(device)
        return Finish(data, "cpu")

    monkeypatch.setattr("destseg.batches.Finish", finish)
    data = noisy_data(8, (16, 16), Rotation(quarter_turns=True, degrees=5))
    here, there = (
        list(training_batches(data, batch_size=4, steps=3, seed=1, first=1, device=device))
        for device in ("cpu", "meta")
    )
    assert devices == ["meta"]
    assert len(here) == 3
    assert all(same(*pair) for pair in zip(here, there, strict=True))


# Order


def test_each_epoch_is_a_permutation():
    chosen = drawn(12, steps=9)
    epochs = [list(itertools.chain(*chosen[start : start + 3])) for start in (0, 3, 6)]
    assert all(sorted(epoch) == list(range(12)) for epoch in epochs)
    assert len({tuple(epoch) for epoch in (*epochs, range(12))}) == 4


def test_last_partial_batch_is_dropped():
    chosen = drawn(11, steps=40)
    epochs = [chosen[start] + chosen[start + 1] for start in range(0, 40, 2)]
    assert all(len(set(epoch)) == 8 for epoch in epochs)
    assert {index for epoch in epochs for index in epoch} == set(range(11))


@pytest.mark.parametrize("steps", [0, 1, 2, 5])
def test_number_of_steps(steps):
    assert [sorted(batch) for batch in drawn(4, steps=steps)] == [[0, 1, 2, 3]] * steps


def test_too_few_images():
    batches = training_batches(training_data(3), batch_size=4, steps=1, seed=0)
    with pytest.raises(ValueError, match="needs 4 training images, there are 3"):
        next(batches)


def test_quarter_turns_need_square_images():
    data = noisy_data(4, (16, 24), Rotation(quarter_turns=True))
    with pytest.raises(ValueError, match="square images, not 16 x 24"):
        next(training_batches(data, batch_size=4, steps=1, seed=0))


def test_all_textures_are_used():
    data = TrainingImages(
        np.zeros((4, SIDE, SIDE, 3), np.uint8),
        np.stack([np.full((SIDE, SIDE, 3), value, np.uint8) for value in (85, 170, 255)]),
    )
    always = AnomalyConfig(threshold=-10.0, max_original_weight=0.0)
    batches = training_batches(data, batch_size=4, steps=20, seed=0, anomalies=always)
    red = torch.cat([batch.corrupted[:, 0, 0, 0] for batch in batches])
    levels = (red * STD[0] + MEAN[0]).mul(3).round().long()
    counts = torch.bincount(levels, minlength=4)
    assert counts[0] == 0
    assert counts.sum() == 80
    # Binomial with mean 27 and standard deviation 4.2: within four of them.
    assert counts[1:].min() > 80 / 3 - 4 * 4.2


def test_seed_decides_everything():
    data = TrainingImages(
        np.random.default_rng(1).integers(0, 256, (6, SIDE, SIDE, 3), np.uint8),
        textures(),
        Rotation(quarter_turns=True, degrees=5),
    )

    def batches(seed):
        return list(training_batches(data, batch_size=3, steps=3, seed=seed))

    first, same, other = batches(5), batches(5), batches(6)
    for ours, again, different in zip(first, same, other, strict=True):
        assert all(torch.equal(a, b) for a, b in zip(ours, again, strict=True))
        assert not any(torch.equal(a, b) for a, b in zip(ours, different, strict=True))


@pytest.mark.parametrize("stream", ["fresh", "fixed"])
def test_a_stream_may_be_entered_anywhere(stream):
    data, config = training_data(10), AnomalyConfig(rotation_stream=stream)

    def batches(first, steps):
        return list(
            training_batches(data, batch_size=4, steps=steps, seed=3, first=first, anomalies=config)
        )

    whole, later = batches(0, 7), batches(3, 4)
    for ours, again in zip(whole[3:], later, strict=True):
        assert all(torch.equal(a, b) for a, b in zip(ours, again, strict=True))


@pytest.mark.parametrize(("stream", "distinct"), [("fresh", 12), ("fixed", 4)])
def test_rotation_stream(monkeypatch, stream, distinct):
    """Fixed: the k-th mask of every batch is turned by the same angle, as in the program."""
    seen = []
    rotations = anomalies._rotations

    def note_angles(degrees, size):
        seen.append(degrees)
        return rotations(degrees, size)

    monkeypatch.setattr(anomalies, "_rotations", note_angles)
    config = AnomalyConfig(rotation_stream=stream)
    list(training_batches(training_data(8), batch_size=4, steps=3, seed=0, anomalies=config))
    assert len(np.unique(np.concatenate(seen))) == distinct
    if stream == "fixed":
        assert np.array_equal(seen[0], seen[2])


def test_global_generators_play_no_part():
    numpy_state = np.random.get_state()[1].copy()  # noqa: NPY002 - the state to be left alone
    torch_state = torch.get_rng_state()
    list(training_batches(training_data(4), batch_size=4, steps=2, seed=0))
    assert np.array_equal(np.random.get_state()[1], numpy_state)  # noqa: NPY002
    assert torch.equal(torch.get_rng_state(), torch_state)


# Content


@pytest.mark.parametrize("rotation", [Rotation(), Rotation(quarter_turns=True, degrees=5)])
def test_batches_are_those_of_the_definition_to_the_bit(rotation):
    """Whole images in the order in which everything is drawn, then normalised."""
    count, size, rng = 4, (48, 48), np.random.default_rng(1)
    images, foreign = (rng.integers(0, 256, (6, *size, 3), np.uint8) for _ in range(2))
    data = TrainingImages(images, foreign, rotation)
    for step, batch in enumerate(training_batches(data, batch_size=count, steps=6, seed=9)):
        order = np.random.default_rng((9, 0, step)).permutation(6)[:count]
        rng = np.random.default_rng((9, 1, step))
        clean = as_tensor(np.stack([turned(images[i], draw_turn(rotation, rng)) for i in order]))
        sources = as_tensor(foreign[rng.integers(6, size=count)])
        mask = defined_masks(rng, count, size)
        weight = torch.from_numpy(0.8 * rng.random((count, 1, 1, 1))).float()
        corrupted = torch.where(mask > 0, (1 - weight) * sources + weight * clean, clean)
        expected = normalise(corrupted), normalise(clean), mask
        assert all(torch.equal(ours, own) for ours, own in zip(batch, expected, strict=True))


def test_batch_differs_under_the_mask_only():
    data = TrainingImages(
        np.random.default_rng(1).integers(0, 256, (8, 24, 40, 3), np.uint8),
        np.random.default_rng(2).integers(0, 256, (3, 24, 40, 3), np.uint8),
        Rotation(degrees=5),
    )
    differences = 0
    for batch in training_batches(data, batch_size=4, steps=4, seed=0):
        assert batch.corrupted.shape == batch.clean.shape == (4, 3, 24, 40)
        assert batch.mask.shape == (4, 1, 24, 40)
        assert all(tensor.dtype == torch.float32 for tensor in batch)
        assert all(tensor.is_contiguous() for tensor in batch)
        outside = (batch.mask == 0).expand_as(batch.clean)
        assert torch.equal(batch.corrupted[outside], batch.clean[outside])
        differences += (batch.corrupted != batch.clean)[~outside].float().mean()
    assert differences > 4 * 0.9


def test_clean_images_are_the_given_ones_normalised():
    images = np.random.default_rng(1).integers(0, 256, (1, 8, 12, 3), np.uint8)
    data = TrainingImages(images, images)
    (batch,) = training_batches(data, batch_size=1, steps=1, seed=0, anomalies=NEVER)
    expected = (images[0].astype(np.float64) / 255 - MEAN) / STD
    np.testing.assert_allclose(batch.clean[0], expected.transpose(2, 0, 1), atol=1e-6)
    assert batch.mask.sum() == 0
    assert torch.equal(batch.corrupted, batch.clean)


def test_as_tensor():
    images = np.random.default_rng(0).integers(0, 256, (2, 5, 7, 3), np.uint8)
    images.flags.writeable = False  # as a memory-mapped cache is
    tensor = as_tensor(images)
    assert tensor.is_contiguous()
    assert tensor.dtype == torch.float32
    expected = torch.stack([functional.to_tensor(image.copy()) for image in images])
    assert torch.equal(tensor, expected)


def test_normalise():
    images = torch.rand(2, 3, 4, 5)
    assert torch.equal(normalise(images), functional.normalize(images, MEAN, STD))


def test_rotation_reaches_the_batches():
    """Quarter turns of an image with one bright corner show it in all four corners."""
    image = np.zeros((1, SIDE, SIDE, 3), np.uint8)
    image[0, 0, 0] = 255
    data = TrainingImages(image, textures(), Rotation(quarter_turns=True))
    batches = training_batches(data, batch_size=1, steps=40, seed=0, anomalies=NEVER)
    corners = torch.stack([batch.clean[0, 0, [0, 0, -1, -1], [0, -1, 0, -1]] for batch in batches])
    bright = corners > 0
    assert torch.all(bright.sum(dim=1) == 1)
    assert torch.all(bright.any(dim=0))
