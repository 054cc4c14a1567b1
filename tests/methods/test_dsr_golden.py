"""The authors' program's numbers: networks, codes, a step of each training, smudges, scores."""

import copy
import functools
import math
import zlib
from typing import ClassVar

import numpy as np
import pytest
import torch

from bench.methods._two_class import PROGRAM_WINDOW, blended, focal_loss, pooled_scores
from bench.methods.dsr.anomalies import Draws, corrupted
from bench.methods.dsr.batches import MAX_ORIGINAL_WEIGHT, Normal, Smudged
from bench.methods.dsr.latent import Sizes
from bench.methods.dsr.networks import DSR, from_authors
from bench.methods.dsr.quantiser import Quantiser, perplexity
from bench.methods.dsr.training import (
    see,
    subspace_losses,
    train_latent,
    train_subspaces,
    train_upsampling,
)
from tests.methods.rivals import published

ARRAYS, NUMBERS = published("dsr")
CASES = NUMBERS["cases"]
BOTH = ("F", "S")
TRAINED = [pytest.param("F", marks=pytest.mark.slow), "S"]
FLOAT64 = 1e-6
LOSSES = 1e-5
MAPS = 1e-4
SPREAD = {"lo": 1.2, "hi": 0.7}
"""Of the codes around the features."""


def drawn(key, shape, tag):
    """The values of a tensor, which follow from its name alone; codes have a centre."""
    seed = zlib.crc32(key.encode()) & 0x7FFFFFFF
    values = np.random.RandomState(seed).standard_normal(tuple(shape))
    if len(shape) == 4:
        return values * math.sqrt(2 / math.prod(shape[1:]))
    if key.endswith("cluster_size"):
        return 0.5 + np.abs(values)
    if key.endswith("_embedding.weight"):
        level, centre = ("lo", "top") if "top" in key else ("hi", "bot")
        return ARRAYS[f"{tag}_mu_{centre}"].astype(float).round(2) + SPREAD[level] * values
    if key.endswith("_ema_w"):
        codes = drawn(key.replace("_ema_w", "_embedding.weight"), shape, tag)
        size = drawn(key.replace("_ema_w", "_ema_cluster_size"), shape[:1], tag)
        return codes * size[:, None]
    return 0.1 * values


def fill(model, tag):
    for key, tensor in model.state_dict().items():
        tensor.copy_(torch.from_numpy(drawn(key, tensor.shape, tag)))
    return model


@functools.cache
def networks(tag):
    config = CASES[f"{tag}_forward"]["config"]
    sizes = Sizes(*(config[name] for name in ["h", "r", "K", "D", "m", "w"]))
    return fill(DSR(sizes), tag).eval()


def filled(tag, dtype=torch.float32):
    return copy.deepcopy(networks(tag)).to(dtype)


def images(name, dtype=torch.float32):
    return (torch.from_numpy(ARRAYS[name]).float() / 255).to(dtype)


def bits(name, like):
    """Unpack a mask of (B, 1, H, W)."""
    shape = (len(like), 1, *like.shape[2:])
    flat = np.unpackbits(ARRAYS[name])[: math.prod(shape)]
    return torch.from_numpy(flat.reshape(shape).astype(np.float32)).to(like)


def largest(ours, golden):
    return np.abs(np.asarray(ours.detach(), np.float64) - golden).max()


def sampled(tensor):
    """The part of a map that is stored."""
    if tensor.shape[1] <= 3:
        return tensor[:, :, 1::4, 2::4]
    return tensor[:, :: max(1, tensor.shape[1] // 12), ::2, 1::2]


def norm(tensor):
    return tensor.detach().double().norm().item()


def forward(model, shown):
    """Everything that a forward pass has a golden value for."""
    latent = model.vq(shown)
    general = model.vq.reconstruct(latent)
    restricted = model.restrict(latent.lo.values, latent.hi.values)
    specific = model.specific(restricted)
    detected = model.detect(specific, general)
    refined = model.refine(specific, general, detected)
    maps = {
        "enc_hi": latent.fine,
        "enc_lo": model.vq._encoder_t(latent.fine),
        "F_lo": latent.lo.features,
        "up_Q_lo": latent.enlarged,
        "F_hi": latent.hi.features,
        "I_gen": general,
        "srm_hi": restricted.hi.features,
        "srm_lo": restricted.lo.features,
        "I_spc": specific,
        "M": detected,
        "M_r": refined,
        "seg_logits": model.seg(torch.cat([specific, general], dim=1)),
        "up_logits": model.up(torch.cat([specific, general, detected], dim=1)),
    }
    return latent, restricted, maps


@torch.no_grad()
@pytest.mark.parametrize("tag", TRAINED)
def test_forward(tag):
    model = filled(tag)
    latent, restricted, maps = forward(model, images(f"{tag}_x_u8"))
    codes = {
        "code_lo": latent.lo,
        "code_hi": latent.hi,
        "spc_code_lo": restricted.lo,
        "spc_code_hi": restricted.hi,
    }
    for name, found in codes.items():
        assert np.array_equal(found.codes, ARRAYS[f"{tag}_{name}"]), name
    for name, found in maps.items():
        golden = ARRAYS[f"{tag}_{name}_sub"]
        # The program's own rounding is as large: logits reach 5.
        assert largest(sampled(found), golden) < MAPS * max(1, np.abs(golden).max()), name
    golden = CASES[f"{tag}_forward"]
    assert latent.lo.commitment.item() == pytest.approx(golden["commitment_lo"], rel=LOSSES)
    assert latent.hi.commitment.item() == pytest.approx(golden["commitment_hi"], rel=LOSSES)
    used = perplexity(model.vq.lo, latent.lo.codes), perplexity(model.vq.hi, latent.hi.codes)
    assert used == pytest.approx((golden["perplexity_lo"], golden["perplexity_hi"]), rel=LOSSES)


@torch.no_grad()
@pytest.mark.parametrize("tag", TRAINED)
def test_forward_in_float64(tag):
    golden = CASES[f"{tag}_forward"]["float64"]
    model = filled(tag, torch.float64)
    latent, _, maps = forward(model, images(f"{tag}_x_u8", torch.float64))
    for name, stats in golden["stats"].items():
        assert norm(maps[name]) == pytest.approx(stats["l2"], rel=FLOAT64), name
    assert latent.hi.commitment.item() == pytest.approx(golden["commitment_hi"], rel=FLOAT64)


class Watch(torch.optim.Adam):
    """Notes the gradients of the one step that it makes."""

    seen: ClassVar[dict] = {}

    def step(self, *args):
        type(self).seen = {
            id(each): norm(each.grad) for group in self.param_groups for each in group["params"]
        }
        return super().step(*args)


@pytest.fixture
def watch(monkeypatch):
    """Turns every Adam into one that notes its gradients."""
    monkeypatch.setattr(torch.optim, "Adam", Watch)
    return Watch


def assert_step(golden, model, watch, prefix=""):
    """Gradients and parameters after a step, but for gradients that are rounding alone."""
    gradients = {
        prefix + name: watch.seen[id(each)]
        for name, each in model.named_parameters()
        if id(each) in watch.seen
    }
    assert set(gradients) == set(golden["grad_l2"])
    real = {name: value for name, value in golden["grad_l2"].items() if value > 1e-9}
    assert len(real) > len(gradients) / 3
    assert {name: gradients[name] for name in real} == pytest.approx(real, rel=FLOAT64)
    state = model.state_dict(prefix=prefix)
    norms = {
        name: norm(state[name])
        for name in golden["param_l2_after_step"]
        if golden["grad_l2"].get(name, 1) > 1e-9
    }
    assert norms == pytest.approx(
        {name: golden["param_l2_after_step"][name] for name in norms}, rel=FLOAT64
    )


@pytest.mark.parametrize("tag", TRAINED)
def test_a_step_of_the_latent_model(tag, watch):
    model = filled(tag, torch.float64).vq
    golden = CASES[f"{tag}_phase1"]["float64"]
    seen = []
    train_latent(
        model,
        [images(f"{tag}_x_u8", torch.float64)],
        lr=2e-4,
        rng=None,
        on_step=lambda *call: seen.append(call),
    )
    assert seen == [(1, pytest.approx(golden["total"], rel=FLOAT64))]
    assert_step(golden, model, watch, "vq.")
    for level, quantiser in (("lo", model.lo), ("hi", model.hi)):
        size = quantiser._ema_cluster_size
        assert norm(size) == pytest.approx(golden["ema_cluster_size_l2"][level], rel=FLOAT64)
        assert size.sum().item() == pytest.approx(golden["ema_cluster_size_sum"][level])


def normal_batch(tag, dtype=torch.float32):
    shown = images(f"{tag}_x_u8", dtype)
    height, width = shown.shape[2:]

    def part(name):
        return torch.from_numpy(ARRAYS[f"{tag}_p2_{name}"])

    lo, hi = (len(shown), height // 8, width // 8), (len(shown), height // 4, width // 4)
    draws = Draws(
        0.2 + 0.8 * part("r_lo"),
        0.2 + 0.8 * part("r_hi"),
        part("u_lo").view(lo),
        part("u_hi_first").view(hi),
        part("u_hi_second").view(hi),
        part("both").bool(),
        part("only_lo").bool(),
    )
    return Normal(shown, bits(f"{tag}_p2_mask", shown), draws)


@torch.no_grad()
@pytest.mark.parametrize("tag", BOTH)
def test_anomalies_in_the_codes(tag):
    model, batch = filled(tag).vq, normal_batch(tag)
    golden = CASES[f"{tag}_phase2"]
    assert batch.draws.strength_lo.tolist() == pytest.approx(golden["strengths_lo"])
    latent = model(batch.images)
    assert np.array_equal(latent.lo.codes, ARRAYS[f"{tag}_p2_code_lo_clean"])
    assert np.array_equal(latent.hi.codes, ARRAYS[f"{tag}_p2_code_hi_clean"])
    found = corrupted(model, latent, batch.mask, batch.draws)
    assert torch.equal(found.truth, bits(f"{tag}_p2_truth", batch.images))
    assert np.array_equal(codes_of(model.hi, found.hi), ARRAYS[f"{tag}_p2_code_hi_anomalous"])
    # Where only the fine level is anomalous the program's coarse codes are not what is used.
    used = (batch.draws.both | batch.draws.only_lo).numpy()
    ours = codes_of(model.lo, found.lo)
    theirs = ARRAYS[f"{tag}_p2_code_lo_anomalous"]
    clean = ARRAYS[f"{tag}_p2_code_lo_clean"]
    assert np.array_equal(ours[used], theirs[used])
    assert np.array_equal(ours[~used], clean[~used])


def codes_of(quantiser, values):
    count, length, height, width = values.shape
    vectors = values.permute(0, 2, 3, 1).reshape(-1, length)
    return quantiser.nearest(vectors).view(count, height, width).numpy()


@pytest.mark.parametrize("tag", TRAINED)
def test_a_step_of_the_subspaces(tag, watch):
    model, batch = filled(tag, torch.float64), normal_batch(tag, torch.float64)
    golden = CASES[f"{tag}_phase2"]["float64"]
    losses = subspace_losses(model, see(model.vq, batch))
    found = {
        "focal": losses.focal.item(),
        "feat_lo": losses.lo.item(),
        "feat_hi": losses.hi.item(),
        "image": losses.image.item(),
        "total": losses.total.item(),
    }
    assert found == pytest.approx({name: golden[name] for name in found}, rel=FLOAT64)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    train_subspaces(model, [batch], lr=2e-4, steps=10)
    assert_step(golden, model, watch)
    for name, tensor in model.state_dict().items():
        if name.startswith(("vq.", "up.")):
            assert torch.equal(tensor, before[name]), name


@pytest.mark.parametrize("tag", TRAINED)
def test_a_step_of_the_upsampling(tag, watch):
    model = filled(tag, torch.float64)
    golden = CASES[f"{tag}_phase3"]["float64"]
    shown = images(f"{tag}_p3_x_u8", torch.float64)
    batch = Smudged(shown, bits(f"{tag}_p3_mask", shown))
    with torch.no_grad():
        detected, refined = model(shown)
    assert norm(detected) == pytest.approx(golden["M"]["l2"], rel=FLOAT64)
    assert norm(refined) == pytest.approx(golden["M_r"]["l2"], rel=FLOAT64)
    seen = []
    train_upsampling(model, [batch], lr=2e-4, on_step=lambda *call: seen.append(call))
    assert seen == [(1, pytest.approx(golden["focal"], rel=FLOAT64))]
    assert_step(golden, model, watch)


@torch.no_grad()
def test_prediction_at_256_pixels():
    golden = CASES["S_infer256"]
    cells = torch.from_numpy(ARRAYS["S_infer_cells_u8"]).float() / 255
    shown = cells.repeat_interleave(16, 2).repeat_interleave(16, 3)
    detected, refined = filled("S")(shown)
    scores = pooled_scores(detected[:, 1].numpy(), PROGRAM_WINDOW)
    assert scores == pytest.approx(golden["image_scores"], abs=MAPS)
    cropped = refined[:, 1, 16:240, 16:240]
    assert cropped.mean(dim=(1, 2)).tolist() == pytest.approx(golden["map_mean"], abs=MAPS)
    assert largest(cropped[:, 3::8, 5::8], ARRAYS["S_infer_map_sub"]) < MAPS


@pytest.mark.parametrize("start", ["fresh", "warm"])
def test_codes_follow_the_features(start):
    quantiser = Quantiser(16, 6).train()
    codes = torch.from_numpy(ARRAYS["X_ema_e0"])
    quantiser.embedding.copy_(codes)
    if start == "warm":
        size = torch.linspace(0.5, 3.5, 16)
        quantiser._ema_cluster_size.copy_(size)
        quantiser._ema_w.copy_(codes * size[:, None])
    else:
        quantiser._ema_w.copy_(torch.from_numpy(ARRAYS["X_ema_w0"]))
    for step, golden in enumerate(CASES[f"X_ema_{start}"]):
        found = quantiser(torch.from_numpy(ARRAYS["X_ema_x"][step]))

        def stored(name, step=step):
            return pytest.approx(ARRAYS[f"X_ema_{start}_{name}_{step}"], rel=1e-5, abs=1e-6)

        assert np.array_equal(found.codes, ARRAYS[f"X_ema_{start}_code_{step}"])
        assert found.values.numpy() == stored("quantised")
        assert found.commitment.item() == pytest.approx(golden["commitment"], rel=LOSSES)
        assert perplexity(quantiser, found.codes) == pytest.approx(golden["perplexity"], rel=LOSSES)
        assert quantiser._ema_cluster_size.numpy() == stored("cluster")
        assert quantiser._ema_w.numpy() == stored("w")
        assert quantiser.embedding.numpy() == stored("embedding")


def test_smudges():
    golden = CASES["X_smudge"]
    mask = ARRAYS["X_smudge_noise"] > 0.5
    mask[ARRAYS["X_smudge_normal_draw"] > 0.5] = False
    assert mask.sum(axis=(1, 2)).tolist() == golden["mask_pixels"]
    assert np.array_equal(np.packbits(mask), ARRAYS["X_smudge_mask"])
    shown = images("X_smudge_x_u8").permute(0, 3, 1, 2)
    colour = torch.from_numpy(ARRAYS["X_smudge_colour"])[:, :, None, None]
    weight = MAX_ORIGINAL_WEIGHT * torch.from_numpy(ARRAYS["X_smudge_b_draw"])[:, None, None, None]
    found = blended(shown, colour, torch.from_numpy(mask)[:, None], weight)
    assert largest(found, ARRAYS["X_smudge_out"]) < 1e-6


def test_focal():
    anomalous = torch.from_numpy(ARRAYS["X_focal_p1"])[:, None]
    mask = torch.from_numpy(ARRAYS["X_focal_t"]).float()
    found = focal_loss(torch.cat([1 - anomalous, anomalous], dim=1), mask).item()
    assert found == pytest.approx(CASES["X_focal"]["mean"], rel=LOSSES)


def test_image_scores():
    maps = np.repeat(np.repeat(ARRAYS["X_score_A"], 16, axis=1), 16, axis=2)
    found = pooled_scores(np.clip(maps, 1e-9, 1 - 1e-9), PROGRAM_WINDOW)
    assert found == pytest.approx(CASES["X_score"]["image_scores"], abs=LOSSES)


def test_the_authors_weights_under_their_names():
    state = DSR(Sizes()).state_dict()
    wanted = {
        prefix + name: shape
        for prefix, part in NUMBERS["parameters"].items()
        for name, shape in part["shapes"].items()
    }
    assert {name: list(tensor.shape) for name, tensor in state.items()} == wanted
    small = filled("S").state_dict()
    found = from_authors(small).state_dict()
    assert all(torch.equal(found[name], tensor) for name, tensor in small.items())
