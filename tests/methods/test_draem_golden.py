"""The authors' program's numbers: networks, losses, a step of training, images, scores."""

import numpy as np
import pytest
import torch

from bench.methods._perlin import THRESHOLD, rotated
from bench.methods._two_class import PROGRAM_WINDOW, blended, focal_loss, focal_map, pooled_scores
from bench.methods.draem import operations
from bench.methods.draem.batches import Batch
from bench.methods.draem.losses import dynamic_range, ssim_loss, ssim_map, ssim_window
from bench.methods.draem.networks import DRAEM, from_authors
from bench.methods.draem.training import losses_of, train_networks
from destseg.perlin import perlin_noise
from tests.method.filling import fill
from tests.methods.rivals import published

ARRAYS, NUMBERS = published("draem")
FULL = pytest.param("full", marks=pytest.mark.slow)
NETWORKS = [FULL, "w16", "rect"]
TRAINED = [FULL, "w16"]
OUTPUTS = 1e-5
FLOAT64 = 1e-6
SECOND_STEP = 1e-5


def named(prefix):
    return [name for name in NUMBERS if name.startswith(prefix)]


def filled(case):
    golden = NUMBERS[case]
    widths = golden["base_width_reconstructive"], golden["base_width_discriminative"]
    return fill(DRAEM(*widths)).eval()


def batch_of(case, dtype=torch.float32):
    clean, augmented = (
        (torch.from_numpy(ARRAYS[f"{case}_{name}_uint8"]).float() / 255).to(dtype)
        for name in ("clean", "aug")
    )
    return Batch(clean, augmented, torch.from_numpy(ARRAYS[f"{case}_mask"]).to(dtype))


def largest(ours, golden):
    return np.abs(np.asarray(ours, np.float64) - golden).max()


@pytest.mark.parametrize("case", NETWORKS)
def test_forward(case):
    model = filled(case)
    norms = {}
    for name, module in model.named_modules():
        if name.count(".") == 1:
            module.register_forward_hook(
                lambda _, __, output, name=name: norms.update({name: output.norm().item()})
            )
    with torch.no_grad():
        augmented = batch_of(case).augmented
        reconstruction, probabilities = model(augmented)
        logits = model.logits(reconstruction, augmented)
    golden = NUMBERS[case]["eval"]
    step = NUMBERS[case]["eval_stored_stride"]
    assert largest(reconstruction[..., ::step, ::step], ARRAYS[f"{case}_eval_rec"]) < OUTPUTS
    assert largest(logits[..., ::step, ::step], ARRAYS[f"{case}_eval_logits"]) < OUTPUTS
    wanted = {name: norm for name, norm in golden["activation_l2"].items() if ".mp" not in name}
    assert {name: norms[name] for name in wanted} == pytest.approx(wanted, rel=OUTPUTS)
    maps = probabilities[:, 1]
    assert maps.mean().item() == pytest.approx(golden["map_mean"], abs=OUTPUTS)
    scores = pooled_scores(maps.numpy(), PROGRAM_WINDOW)
    assert scores == pytest.approx(golden["image_scores"], abs=OUTPUTS)


@pytest.mark.parametrize("case", TRAINED)
def test_losses_and_gradients_in_float64(case):
    model, batch = filled(case).double().train(), batch_of(case, torch.float64)
    golden = NUMBERS[case]["train_float64"]
    losses = losses_of(model, batch)
    found = {"l2": losses.l2.item(), "ssim_loss": losses.ssim.item(), "focal": losses.focal.item()}
    assert found == pytest.approx({name: golden[name] for name in found}, rel=FLOAT64)
    parts = {
        "grad_l2_reconstructive_from_focal_alone": losses.focal,
        "grad_l2_reconstructive_from_l2_and_ssim_alone": losses.l2 + losses.ssim,
    }
    for name, loss in parts.items():
        model.zero_grad()
        loss.backward(retain_graph=True)
        assert norm_of(model, segment=False) == pytest.approx(golden[name], rel=FLOAT64)
    model.zero_grad()
    sum(losses).backward()
    parameters = dict(model.named_parameters())
    gradients = {name: parameters[name].grad.norm().item() for name in golden["grad_l2"]}
    assert gradients == pytest.approx(golden["grad_l2"], rel=FLOAT64)
    assert norm_of(model, segment=False) == pytest.approx(
        golden["grad_l2_all_reconstructive"], rel=FLOAT64
    )
    assert norm_of(model, segment=True) == pytest.approx(
        golden["grad_l2_all_discriminative"], rel=FLOAT64
    )
    buffers = dict(model.named_buffers())
    statistics = golden["buffer_l2_after_one_forward"]
    assert {name: buffers[name].norm().item() for name in statistics} == pytest.approx(
        statistics, rel=FLOAT64
    )


def norm_of(model, *, segment):
    """The norm of the gradient of one of the networks."""
    squares = [
        parameter.grad.pow(2).sum()
        for name, parameter in model.named_parameters()
        if ("_segment" in name) is segment and parameter.grad is not None
    ]
    return sum(squares).sqrt().item()


@pytest.mark.parametrize("case", TRAINED)
def test_a_step_of_training_in_float64(case):
    model, batch = filled(case).double(), batch_of(case, torch.float64)
    golden = NUMBERS[case]["train_float64"]
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    seen = []
    train_networks(model, [batch], lr=1e-4, on_step=lambda *call: seen.append(call))
    assert seen == [(1, pytest.approx(golden["total"], rel=FLOAT64))]
    after = model.state_dict()
    norms = {name: after[name].norm().item() for name in golden["param_l2_after_step"]}
    assert norms == pytest.approx(golden["param_l2_after_step"], rel=FLOAT64)
    moved = {name: (after[name] - before[name]).norm().item() for name in golden["update_l2"]}
    assert moved == pytest.approx(golden["update_l2"], rel=FLOAT64)
    assert not model.training
    with torch.no_grad():
        losses = losses_of(model.train(), batch)
    second = golden["second_step"]
    assert losses.l2.item() == pytest.approx(second["l2"], rel=SECOND_STEP)
    assert losses.ssim.item() == pytest.approx(second["ssim_loss"], rel=SECOND_STEP)
    assert losses.focal.item() == pytest.approx(second["focal"], rel=SECOND_STEP)


def test_the_authors_weights_under_their_names():
    model = filled("w16")
    state = model.state_dict()
    segment = {name for name in state if "_segment" in name}
    assert (len(state) - len(segment), len(segment)) == (156, 191)
    found = from_authors(dict(state)).state_dict()
    assert all(torch.equal(found[name], tensor) for name, tensor in state.items())


@pytest.mark.parametrize("name", named("ssim_"))
def test_ssim(name):
    first, second = (torch.from_numpy(ARRAYS[f"{name}_img{k}"]) for k in (1, 2))
    golden = NUMBERS[name]
    assert dynamic_range(first) == golden["L"]
    assert largest(ssim_map(first, second), ARRAYS[f"{name}_map"]) < OUTPUTS
    assert ssim_loss(first, second).item() == pytest.approx(golden["loss"], abs=1e-6)


def test_ssim_window():
    assert largest(ssim_window(torch.zeros(1)), ARRAYS["ssim_window"]) < 1e-8


@pytest.mark.parametrize("name", named("focal_"))
def test_focal(name):
    probabilities = torch.from_numpy(ARRAYS[f"{name}_p"]).requires_grad_()
    mask = torch.from_numpy(ARRAYS[f"{name}_mask"]).float().unsqueeze(1)
    found = focal_map(probabilities, mask).squeeze(1).detach()
    assert found.numpy() == pytest.approx(ARRAYS[f"{name}_per_pixel"], rel=1e-5, abs=1e-6)
    loss = focal_loss(probabilities, mask)
    assert loss.item() == pytest.approx(NUMBERS[name]["loss"], rel=1e-6)
    (gradient,) = torch.autograd.grad(loss, probabilities)
    assert gradient.numpy() == pytest.approx(ARRAYS[f"{name}_grad_p"], rel=1e-5, abs=1e-6)


@pytest.mark.parametrize("name", named("score_"))
def test_image_score(name):
    found = pooled_scores(ARRAYS[f"{name}_map"][None], PROGRAM_WINDOW)
    assert found == pytest.approx([NUMBERS[name]["image_score"]], abs=1e-6)


@pytest.mark.parametrize("name", ["blend_a", "blend_half_exactly", "blend_opaque"])
def test_blending(name):
    image, source = (
        torch.from_numpy(values).permute(2, 0, 1).unsqueeze(0)
        for values in (ARRAYS["blend_image"], np.float32(ARRAYS["blend_source_uint8"]) / 255)
    )
    mask = ARRAYS["blend_noise"] > THRESHOLD
    assert np.array_equal(mask, ARRAYS[f"{name}_mask"])
    weight = torch.tensor(NUMBERS[name]["beta"]).view(1, 1, 1, 1)
    found = blended(image, source, torch.from_numpy(mask), weight)
    golden = ARRAYS[f"{name}_augmented"].transpose(2, 0, 1)
    assert largest(found[0], golden) < 1e-7


@pytest.mark.parametrize("name", named("perlin"))
def test_rotated_noise(name):
    golden = NUMBERS[name]
    lattice = golden["lattice_rows_cols"]
    rng = np.random.RandomState(golden["numpy_seed"])
    angles = 2 * np.pi * rng.rand(*(cells + 1 for cells in lattice))
    noise = perlin_noise(angles[None], np.array([lattice]), (64, 64))[0]
    assert largest(noise, ARRAYS[f"{name}_raw"]) < 1e-7
    turned = rotated(noise, golden["degrees"])
    assert largest(turned, ARRAYS[f"{name}_rotated"]) < 1e-7
    assert np.array_equal(turned > THRESHOLD, ARRAYS[f"{name}_mask"])


EXACT = {
    "gamma": lambda image, golden: operations.gamma(image, golden["gamma_per_channel"]),
    "sharpness": lambda image, golden: operations.sharpness(image, golden["factor"]),
    "solarize": lambda image, golden: operations.solarize(image, golden["threshold"]),
    "posterize": lambda image, golden: operations.posterize(image, golden["bits"]),
    "invert": lambda image, _: operations.invert(image),
    "autocontrast": lambda image, golden: operations.autocontrast(image, golden["cutoff_percent"]),
    "equalize": lambda image, _: operations.equalize(image),
    "rotate": lambda image, golden: rotated(image, golden["degrees"]),
}


def of_operations(*kinds):
    return [name for name in named("op_") if name.split("_")[1] in kinds]


@pytest.mark.parametrize("name", of_operations(*EXACT))
def test_operations_bit_by_bit(name):
    found = EXACT[name.split("_")[1]](ARRAYS["op_input"], NUMBERS[name])
    assert found.dtype == np.uint8
    assert np.array_equal(found, ARRAYS[name])


LEVELS = {"YCrCb": (2, 0.1), "YUV": (2, 0.1), "HSV": (9, 0.4), "HLS": (9, 0.4), "Lab": (11, 0.3)}
"""By how much colours may differ: at most, and on average; of Luv single dark pixels by more."""


@pytest.mark.parametrize("name", of_operations("brightness"))
def test_brightness(name):
    golden = NUMBERS[name]
    found = operations.brightness(
        ARRAYS["op_input"],
        golden["colorspace"],
        golden["mul"],
        golden["add"],
        multiply_first=golden["order"] == "multiply, then add",
    )
    apart = np.abs(found.astype(int) - ARRAYS[name])
    most, mean = LEVELS.get(golden["colorspace"], (255, 1))
    assert apart.max() <= most
    assert apart.mean() < mean


@pytest.mark.parametrize("name", of_operations("huesat"))
def test_hue_and_saturation(name):
    golden = NUMBERS[name]
    found = operations.hue_and_saturation(
        ARRAYS["op_input"], golden["drawn_hue"], golden["saturation_shift"]
    )
    apart = np.abs(found.astype(int) - ARRAYS[name])
    assert apart.max() <= 9
    assert apart.mean() < 0.1
