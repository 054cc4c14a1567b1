"""DSR's parts against their definitions, its draws against what the program draws."""

import copy
import functools
import itertools

import numpy as np
import pytest
import torch

from bench.methods.dsr import METHOD, last_step
from bench.methods.dsr.anomalies import HI, LO, corrupted, draw, in_cells, replaced
from bench.methods.dsr.batches import (
    draw_crops,
    draw_normal_batch,
    draw_smudged_batch,
    stream,
)
from bench.methods.dsr.config import Config, Latent
from bench.methods.dsr.latent import LatentModel, ResidualLayer, Sizes
from bench.methods.dsr.networks import DSR, from_authors
from bench.methods.dsr.quantiser import Quantised, Quantiser, Reseeding
from bench.methods.dsr.training import fidelity, train_latent
from destseg.errors import InputError
from destseg.textures import procedural_textures

SIZES = Sizes.of(4, 32)


def pixels(count, side, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (count, side, side, 3), np.uint8)


@pytest.fixture
def quantiser():
    torch.manual_seed(0)
    return Quantiser(40, 5).eval()


@pytest.fixture
def features():
    return torch.randn(2, 5, 4, 6, generator=torch.Generator().manual_seed(1))


def by_distance(quantiser, vector):
    """All codes by their distance, one after the other."""
    apart = [float(((vector - code) ** 2).sum()) for code in quantiser.embedding]
    return sorted(range(len(apart)), key=apart.__getitem__)


def test_codes_are_the_nearest_of_all(quantiser, features, monkeypatch):
    found = quantiser(features)
    for image, row, column in itertools.product(range(2), range(4), range(6)):
        (nearest, *_) = by_distance(quantiser, features[image, :, row, column])
        assert found.codes[image, row, column] == nearest
        torch.testing.assert_close(
            found.values[image, :, row, column], quantiser.embedding[nearest]
        )
    monkeypatch.setattr("bench.methods.dsr.quantiser.AT_A_TIME", 7)
    assert torch.equal(quantiser(features).codes, found.codes), "part by part"


def test_the_gradient_goes_through_the_codes(quantiser, features):
    features.requires_grad_()
    quantiser(features).values.sum().backward()
    assert torch.equal(features.grad, torch.ones_like(features))


def test_codes_move_in_train_mode_alone(quantiser, features):
    before = quantiser.embedding.clone()
    quantiser(features)
    assert torch.equal(quantiser.embedding, before)
    quantiser.train()(features)
    assert not torch.equal(quantiser.embedding, before)


def test_codes_are_found_and_moved_in_float32_whatever_is_around_them(quantiser, features):
    other = copy.deepcopy(quantiser).train()
    plain = quantiser.train()(features)
    with torch.autocast("cpu", torch.bfloat16):
        inside = other(features)
    assert all(torch.equal(*pair) for pair in zip(inside, plain, strict=True))
    assert torch.equal(other.embedding, quantiser.embedding)


@pytest.mark.parametrize("strength", [0.2, 0.55, 1.0])
def test_replacements_are_of_the_drawn_rank_under_the_mask(quantiser, features, strength):
    found = quantiser(features)
    mask = torch.zeros(2, 1, 16, 24)
    mask[0, 0, 3:6, 7] = 1  # in cells of rows 0 and 1 of column 1
    ranks = torch.rand(2, 4, 6, generator=torch.Generator().manual_seed(2))
    strengths = torch.tensor([strength, 0.2])
    values = replaced(found, quantiser, mask, strengths, ranks)
    first, last = int(0.05 * 40), min(int(np.float32(strength) * 40) + 1, 39)
    for row in (0, 1):
        order = by_distance(quantiser, features[0, :, row, 1])
        rank = first + int(ranks[0, row, 1].item() * (last - first))
        assert torch.equal(values[0, :, row, 1], quantiser.embedding[order[rank]])
        values[0, :, row, 1] = found.values[0, :, row, 1]
    assert torch.equal(values, found.values)


def test_an_anomaly_of_the_coarse_level_reaches_the_fine_one():
    torch.manual_seed(0)
    model = LatentModel(SIZES).eval()
    images = torch.rand(3, 3, 64, 64)
    mask = torch.zeros(3, 1, 64, 64)
    mask[:, :, 17:19, 40:41] = 1
    draws = draw(np.random.default_rng(0), 3, 64, 0.2)._replace(
        both=torch.tensor([True, False, False]), only_lo=torch.tensor([False, True, False])
    )
    latent = model(images)
    found = corrupted(model, latent, mask, draws)
    small = in_cells(mask, LO)[:, :, ::LO, ::LO] > 0
    for image, changed in ((0, True), (1, True), (2, False)):
        apart = (found.lo[image] != latent.lo.values[image]).any(dim=0)
        assert apart.any() == changed
        assert not (apart & ~small[image, 0]).any()
    assert torch.equal(found.hi[1], latent.hi.values[1])
    apart = (found.hi[2] != latent.hi.values[2]).any(dim=0)
    assert apart.any()
    assert not (apart & ~(in_cells(mask, HI)[2, 0, ::HI, ::HI] > 0)).any()
    assert torch.equal(found.truth[:2], in_cells(mask, LO)[:2])
    assert found.truth.sum(dim=(1, 2, 3)).tolist() == [LO * LO, LO * LO, HI * HI]


def test_the_skip_of_a_residual_layer_is_behind_a_relu():
    layer = ResidualLayer(6, 3)
    x = torch.randn(1, 6, 5, 5)
    expected = x.clamp(min=0) + layer._block[3](torch.relu(layer._block[1](x.clamp(min=0))))
    torch.testing.assert_close(layer(x), expected)


def test_dead_codes_become_features_of_the_batch(quantiser):
    rng = np.random.default_rng(0)
    features = torch.randn(1, 5, 4, 4, generator=torch.Generator().manual_seed(3))
    vectors = {tuple(vector.tolist()) for vector in features[0].flatten(1).T}
    reseeding = Reseeding(quantiser)
    reseeding.start(features, rng)
    assert {tuple(code.tolist()) for code in quantiser.embedding} <= vectors
    assert torch.equal(quantiser._ema_w, quantiser.embedding)
    assert torch.equal(quantiser._ema_cluster_size, torch.ones(40))
    # From now on code 7 alone is hit: the others fall below half a hit after 35 steps.
    quantiser.embedding.zero_()
    codes = torch.full((1, 4, 4), 7)
    found = Quantised(features, codes, quantiser.values(codes), torch.tensor(0.0))
    for step in range(1, 41):
        reseeding.see(found, rng)
        dead = (quantiser.embedding == 0).all(dim=1)
        assert dead.sum() == (40 if step < 40 else 1)
    assert dead[7]


def train(codebook, steps):
    torch.manual_seed(0)
    model = LatentModel(Sizes.of(8, 32))
    rng = np.random.default_rng(0) if codebook == "reseeded" else None
    textures = procedural_textures(64)[..., ::-1]
    draw_one = functools.partial(draw_crops, images=textures, count=2)
    batches = list(stream(draw_one, steps=steps, seed=0, device="cpu"))
    losses = []
    train_latent(model, batches, lr=1e-3, rng=rng, on_step=lambda _, loss: losses.append(loss))
    return model, losses, fidelity(model, batches)


def test_the_latent_model_learns_and_its_codes_stay_in_use():
    model, losses, found = train("reseeded", 120)
    assert np.mean(losses[-5:]) < 0.5 * np.mean(losses[:5])
    assert found["mse"] < 0.15
    assert min(found["perplexity_lo"], found["perplexity_hi"]) > 3
    assert not model.training
    assert not any(parameter.requires_grad for parameter in model.parameters())
    *_, cold = train("cold", 40)
    assert max(cold["perplexity_lo"], cold["perplexity_hi"]) < 1.5, "as the program's would be"
    assert fidelity(model, []) == {}


@pytest.mark.parametrize(
    ("width", "codes", "latent", "subspaces", "upsampling"),
    [(16, 256, 138_019, 1_920_213, 352_338), (8, 128, 34_963, 481_261, 88_618)],
)
def test_sizes(width, codes, latent, subspaces, upsampling):
    model = DSR(Sizes.of(width, codes))

    def count(*parts):
        return sum(each.numel() for part in parts for each in part.parameters())

    assert count(model.vq) == latent
    assert count(model.srm_hi, model.srm_lo, model.dec, model.seg) == subspaces
    assert count(model.up) == upsampling


def test_training_batches_are_what_the_program_draws():
    images = pixels(3, 64)
    settings = {"lattice_exponents": 4, "clean_share": 0.5}
    rng = np.random.default_rng(0)
    normal = draw_normal_batch(rng, images, 200, **settings, least_strength=0.2)
    assert normal.images.shape == (200, 3, 64, 64)
    assert normal.mask.flatten(1).any(dim=1).float().mean() == pytest.approx(0.44, abs=0.1)
    for strength in (normal.draws.strength_lo, normal.draws.strength_hi):
        assert 0.2 <= strength.min() < 0.25
        assert 0.95 < strength.max() < 1
    smudged = draw_smudged_batch(rng, images, 100, **settings)
    marked = smudged.mask.flatten(1).any(dim=1)
    assert marked.float().mean() == pytest.approx(0.44, abs=0.15)
    whole = draw_smudged_batch(rng, images, 8, lattice_exponents=4, clean_share=1.0)
    assert not whole.mask.any()


def test_a_batch_is_a_function_of_the_seed_and_its_index():
    def crops(seed, steps):
        images = pixels(3, 64)
        draw_one = lambda rng: draw_crops(rng, images, 2)  # noqa: E731
        return list(stream(draw_one, steps=steps, seed=seed, device="cpu"))

    first, longer, other = crops(0, 2), crops(0, 3), crops(1, 2)
    assert first[0].shape == (2, 3, 56, 56)
    assert all(torch.equal(a, b) for a, b in zip(first, longer, strict=False))
    assert not torch.equal(first[0], first[1])
    assert not torch.equal(first[0], other[0])


def test_crops_are_parts_of_the_images():
    image = np.arange(64 * 64, dtype=np.int64).reshape(64, 64)
    image = np.stack([image % 256, image // 256, 0 * image], axis=2).astype(np.uint8)
    crops = draw_crops(np.random.default_rng(0), image[None], 40)
    values = (crops * 255).round().long()
    places = values[:, 0] + 256 * values[:, 1]
    steps = places[:, 1, 1] - places[:, 0, 0]
    assert {abs(step) for step in steps.tolist()} == {65, 63}


def test_weights_of_others_are_refused():
    state = DSR(SIZES).state_dict()
    with pytest.raises(InputError, match=r"'dec.pre_vq_conv.weight' is missing"):
        from_authors({name: t for name, t in state.items() if not name.startswith("dec")})


@pytest.mark.parametrize(
    ("settings", "papers"),
    [
        ({}, True),
        ({"upsampling_steps": 20_000}, True),
        ({"precision": "tf32"}, True),
        ({"precision": "bf16"}, False),
        ({"least_strength": 0.05, "clean_share": 0.0}, True),
        ({"latent": Latent(codebook="cold", seed=1)}, True),
        ({"latent": Latent(codes=256)}, False),
        ({"upsampling_steps": 10_000}, False),
        ({"lattice_exponents": 4}, False),
    ],
)
def test_what_is_the_papers(settings, papers):
    assert METHOD.is_papers(Config(**settings)) is papers


def test_the_latent_model_serves_all_categories_and_seeds():
    last = last_step(Config(), None)
    assert last.latent == last.subspaces.latent == last.upsampling.latent
    assert last.subspaces == last.upsampling.subspaces
    assert not last.latent.seeded
    assert last.latent.reads == ("textures",)
    assert "200000 steps of 32 textures" in METHOD.summary(Config())


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"steps": 0}, "steps is 0"),
        ({"lr": -1.0}, "lr is -1.0"),
        ({"least_strength": 0.01}, "least_strength is 0.01; it must be at least 0.05"),
        ({"clean_share": 2.0}, "clean_share is 2.0"),
    ],
)
def test_settings_out_of_range(wrong, said):
    with pytest.raises(ValueError, match=said):
        Config(**wrong)
    with pytest.raises(ValueError, match="codes is 1; it must be at least 2"):
        Latent(codes=1)
