"""DRAEM's parts against independent definitions, its draws against what the program draws."""

import dataclasses

import numpy as np
import pytest
import torch
from scipy.ndimage import affine_transform, uniform_filter
from skimage.metrics import structural_similarity

from bench.methods._perlin import draw_masks, draw_normal, fitted, rotated
from bench.methods._two_class import focal_loss, pooled_scores, score_window, train, widened
from bench.methods.draem import METHOD, last_step
from bench.methods.draem.batches import draw_batch, training_batches
from bench.methods.draem.config import Anomalies, Config
from bench.methods.draem.losses import ssim_map
from bench.methods.draem.networks import DRAEM, from_authors
from bench.methods.draem.operations import OPERATIONS, PAPER, augment
from bench.methods.draem.steps import DECAYS, Train
from bench.methods.draem.training import train_networks
from destseg import anomalies
from destseg.descent import TrainingDiverged
from destseg.errors import InputError

BORDER = 5


def pixels(count, side, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (count, side, side, 3), np.uint8)


def test_ssim_is_scikit_images_where_the_window_fits():
    rng = np.random.default_rng(0)
    first, second = rng.random((2, 24, 30, 3))
    second = 0.7 * first + 0.3 * second
    _, theirs = structural_similarity(
        first,
        second,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        data_range=1,
        channel_axis=2,
        full=True,
    )
    ours = ssim_map(*(torch.from_numpy(x).permute(2, 0, 1)[None] for x in (first, second)))
    inner = slice(BORDER, -BORDER)
    np.testing.assert_allclose(
        ours[0, :, inner, inner].permute(1, 2, 0), theirs[inner, inner], rtol=1e-10
    )


def test_ssim_is_float32_whatever_is_around_it():
    first, second = torch.rand(2, 1, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    with torch.autocast("cpu", torch.bfloat16):
        inside = ssim_map(first, second)
    assert torch.equal(inside, ssim_map(first, second))


@pytest.mark.parametrize(
    ("precision", "widths", "last"),
    [("bf16", (128, 64), True), ("bf16", (64, 32), False), ("float32", (128, 64), False)],
)
def test_wide_networks_are_laid_channels_last_while_they_are_trained(precision, widths, last):
    class Networks(torch.nn.Conv2d):
        def forward(self, images):
            seen.append(self.weight.is_contiguous(memory_format=torch.channels_last))
            found = widened(super().forward(images))
            return found, found[:, :2].softmax(dim=1)

    seen = []
    networks = Networks(3, 3, 3, padding=1)
    networks.widths = widths
    batch = draw_batch(np.random.default_rng(0), pixels(2, 32), pixels(2, 32, 1), 2, Anomalies())
    train_networks(networks, [batch], lr=1e-4, precision=precision)
    assert seen == [last]
    assert networks.weight.is_contiguous()
    assert networks.weight.dtype == torch.float32


@pytest.mark.parametrize(("lowest", "reach"), [(-0.5, 1), (-0.51, 2)])
def test_the_range_of_ssim_switches(lowest, reach):
    reconstruction = torch.rand(1, 1, 16, 16, generator=torch.Generator().manual_seed(0)).double()
    images = reconstruction.roll(1, 3).clone()
    reconstruction[0, 0, 8, 8] = lowest
    constant = torch.full_like(images, 0.25)
    c2 = (0.03 * reach) ** 2
    # Of a constant image the covariance is 0, and far from the border so is the variance.
    found = ssim_map(reconstruction, constant)[0, 0, 8, 8]
    around = reconstruction[0, 0, 3:14, 3:14].numpy()
    line = np.exp(-(np.arange(-5, 6) ** 2) / 4.5)
    weights = np.outer(line, line) / line.sum() ** 2
    mean = (weights * around).sum()
    variance = (weights * around**2).sum() - mean**2
    c1 = (0.01 * reach) ** 2
    expected = (2 * mean * 0.25 + c1) * c2 / ((mean**2 + 0.25**2 + c1) * (variance + c2))
    assert found.item() == pytest.approx(expected, rel=1e-9)


def test_focal_loss_of_a_class_that_is_missed_is_bounded():
    wrong = torch.tensor([[[[1.0]], [[0.0]]]])
    assert focal_loss(wrong, torch.ones(1, 1, 1, 1)).item() == pytest.approx(10.8194, abs=1e-3)


@pytest.mark.parametrize(("side", "window"), [(256, 21), (128, 11), (64, 5), (32, 3), (16, 3)])
def test_the_window_of_the_image_score_grows_with_the_image(side, window):
    assert score_window(side) == window


def test_image_scores_are_largest_means_in_a_window_with_zeros_around():
    maps = np.random.default_rng(0).random((3, 20, 24), np.float32)
    means = uniform_filter(maps.astype(float), (0, 5, 5), mode="constant")
    np.testing.assert_allclose(pooled_scores(maps, 5), means.max(axis=(1, 2)), rtol=1e-6)


def test_rotation_is_clockwise_and_about_the_centre():
    image = pixels(1, 33)[0]
    np.testing.assert_array_equal(rotated(image, 90), np.rot90(image, -1))
    np.testing.assert_array_equal(rotated(image, 0), image)
    angle = np.radians(20)
    matrix = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    plane = image[..., 0].astype(float)
    centre = np.array([16, 16])
    exact = affine_transform(plane, matrix, centre - matrix @ centre, order=1, mode="grid-constant")
    assert np.abs(rotated(plane, 20) - exact).max() < 8, "positions are in 1/32 of a pixel"


def test_images_are_brought_to_sides_that_can_be_halved_and_to_bgr():
    images = pixels(2, 64)
    np.testing.assert_array_equal(fitted(images, 32), images[..., ::-1])
    assert fitted(pixels(2, 40), 32).shape == (2, 64, 64, 3)
    assert fitted(pixels(2, 32), 64).shape == (2, 64, 64, 3)


def test_normal_images_are_drawn_with_replacement_and_some_rotated():
    images = pixels(2, 32)
    drawn = draw_normal(np.random.default_rng(0), images, 600, share=0.3, degrees=90)
    same = [any(np.array_equal(image, other) for other in images) for image in drawn]
    assert np.mean(same) == pytest.approx(0.7, abs=0.06)
    corners = [image[0, 0].any() for image in drawn[~np.array(same)]]
    assert np.mean(corners) < 0.3, "most show black corners"


def test_masks_are_those_of_destseg_in_other_draws():
    """The method is the same but for 5 bits of the rotation."""
    masks = draw_masks(np.random.default_rng(0), 600, 64, 6)
    others = anomalies.draw_masks(np.random.default_rng(1), 600, (64, 64)).numpy()[:, 0] > 0
    assert masks.mean() == pytest.approx(others.mean(), abs=0.01)
    empty, also = (~drawn.any(axis=(1, 2)) for drawn in (masks, others))
    assert empty.mean() == pytest.approx(also.mean(), abs=0.04)


def test_batches_are_clean_or_changed_under_the_mask_alone():
    images, textures = pixels(3, 32), pixels(4, 32, seed=1)
    batch = draw_batch(np.random.default_rng(0), images, textures, 300, Anomalies())
    changed = (batch.clean != batch.augmented).any(dim=1, keepdim=True)
    assert not (changed & (batch.mask == 0)).any()
    marked = batch.mask.flatten(1).any(dim=1).float().mean().item()
    assert marked == pytest.approx(0.477, abs=0.08)
    assert batch.clean.min() >= 0
    assert batch.clean.max() <= 1
    never = draw_batch(np.random.default_rng(0), images, textures, 40, Anomalies(clean_share=1.0))
    assert torch.equal(never.clean, never.augmented)
    assert not never.mask.any()


def test_a_batch_is_a_function_of_the_seed_and_its_index():
    def batches(seed, steps):
        return list(
            training_batches(
                pixels(3, 32),
                pixels(4, 32, seed=1),
                batch_size=2,
                steps=steps,
                seed=seed,
                anomalies=Anomalies(),
                device="cpu",
            )
        )

    short, long, other = batches(0, 2), batches(0, 3), batches(1, 2)
    assert len(long) == 3
    for one, same, another in zip(short, long, other, strict=False):
        assert all(torch.equal(a, b) for a, b in zip(one, same, strict=True))
        assert not torch.equal(one.augmented, another.augmented)


def test_every_operation_keeps_the_form_and_three_are_used(monkeypatch):
    image = pixels(1, 32)[0]
    rng = np.random.default_rng(0)
    for name, operation in OPERATIONS.items():
        for _ in range(8):
            found = operation(image, rng)
            assert (found.dtype, found.shape) == (np.uint8, image.shape), name
    assert len(OPERATIONS) == 10
    assert len(PAPER) == 7
    used = []
    for name in OPERATIONS:

        def noted(image, _, name=name):
            used.append(name)
            return image

        monkeypatch.setitem(OPERATIONS, name, noted)
    for _ in range(50):
        augment(image, rng, PAPER)
        assert len(set(used[-3:])) == 3
    assert set(used) == set(PAPER)


@pytest.mark.parametrize("lr", [1.0, torch.tensor(1.0)])
def test_rates_decay_before_the_updates_of_some_indices(lr):
    weight = torch.nn.Parameter(torch.zeros(1))
    optimiser = torch.optim.Adam([weight], lr=lr)
    rates = []

    def loss(batch):
        rates.append(float(optimiser.param_groups[0]["lr"]))
        return (weight * batch).sum()

    train(optimiser, loss, [torch.ones(1)] * 10, milestones=[8, 9], factor=0.2)
    assert rates == pytest.approx([1.0] * 8 + [0.2, 0.04])
    if torch.is_tensor(lr):  # which is what a recorded update reads
        assert float(lr) == pytest.approx(0.04)
    with pytest.raises(TrainingDiverged, match="after 1 updates"):
        train(optimiser, loss, [torch.full((1,), float("nan"))])


@pytest.mark.parametrize(
    ("decay", "epochs", "milestones"), [("program", 700, [560, 630]), ("paper", 700, [400, 600])]
)
def test_the_decays_are_those_of_program_and_paper(decay, epochs, milestones):
    _, *parts = DECAYS[decay]
    batches = 27
    assert [int(part * epochs * batches) for part in parts] == [batches * m for m in milestones]


@pytest.mark.parametrize(
    ("widths", "reconstructive", "discriminative"),
    [((16, 8), 1_083_171, 446_162), ((8, 4), 272_019, 112_346)],
)
def test_sizes(widths, reconstructive, discriminative):
    network = DRAEM(*widths)
    sizes = [0, 0]
    for name, parameter in network.named_parameters():
        sizes["_segment" in name] += parameter.numel()
    assert sizes == [reconstructive, discriminative]


def test_initial_weights():
    torch.manual_seed(0)
    state = DRAEM(16, 8).state_dict()
    assert state["encoder.block3.0.weight"].std().item() == pytest.approx(0.02, rel=0.02)
    assert state["decoder_segment.fin_out.0.weight"].std().item() == pytest.approx(0.02, rel=0.2)
    assert state["encoder.block5.1.weight"].mean().item() == pytest.approx(1, abs=0.01)
    assert state["encoder.block5.1.weight"].std().item() == pytest.approx(0.02, rel=0.2)
    assert not state["encoder.block5.1.bias"].any()
    reach = 1 / np.sqrt(9 * 64)
    assert state["encoder.block4.0.bias"].abs().max().item() == pytest.approx(reach, rel=0.1)


def test_weights_of_others_are_refused():
    state = DRAEM(4, 2).state_dict()
    with pytest.raises(InputError, match=r"'encoder_segment.block1.0.weight' is missing"):
        from_authors({name: t for name, t in state.items() if "_segment" not in name})
    with pytest.raises(InputError, match=r"Unexpected key.*other"):
        from_authors({**state, "other": torch.zeros(1)})


@pytest.mark.parametrize(
    ("settings", "papers"),
    [
        ({}, True),
        ({"decay": "paper"}, True),
        ({"precision": "tf32"}, True),
        ({"precision": "bf16"}, False),
        ({"anomalies": Anomalies(max_original_weight=0.9, operations="paper")}, True),
        ({"anomalies": Anomalies(lattice_exponents=4)}, False),
        ({"steps": 20_000}, False),
        ({"width": 64}, False),
    ],
)
def test_what_is_the_papers(settings, papers):
    assert METHOD.is_papers(Config(**settings)) is papers


def test_steps_take_the_place_of_epochs():
    fixed = last_step(Config(steps=9), None).networks
    assert (fixed.steps, fixed.epochs) == (9, None)
    counted = last_step(Config(), None).networks
    assert (counted.steps, counted.epochs) == (None, 700)
    assert last_step(Config(steps=9, epochs=3), None).networks == fixed
    settings = fixed.settings | {"size": 64}
    assert Train.work(settings) == pytest.approx(9 * 8 * (159.90e9 + 38.05e9) / 16, rel=1e-3)
    assert METHOD.summary(Config(steps=9)) == "9 steps of 8 images, widths 128 and 64"


@pytest.mark.parametrize(
    "wrong",
    [{"batch_size": 1}, {"steps": 0}, {"lr": 0.0}, {"width": 0}],
)
def test_settings_out_of_range(wrong):
    (name,) = wrong
    with pytest.raises(ValueError, match=f"^{name} is"):
        Config(**wrong)
    with pytest.raises(ValueError, match=r"^clean_share is 1\.5; it must be between 0 and 1"):
        dataclasses.replace(Anomalies(), clean_share=1.5)
