"""The published program's forward passes, losses and SGD steps on given weights."""

import copy
import functools
import json
from pathlib import Path

import numpy as np
import pytest
import torch

from destseg import perlin
from destseg.batches import Batch
from destseg.config import TrainingConfig
from destseg.features import cosine_distances, normalised
from destseg.losses import cosine_loss, downsampled_mask, focal_loss, l1_loss
from destseg.model import DeSTSeg
from destseg.perlin import perlin_noise
from destseg.resnet import ResNet18
from destseg.training import train_segmentation, train_student
from tests.method import noise_definition
from tests.method.filling import deviation, fill
from tests.method.small_networks import changed, snapshot

GOLDEN = Path(__file__).parents[1] / "golden"
ARRAYS = np.load(GOLDEN / "forward.npz")
NUMBERS = json.loads((GOLDEN / "forward.json").read_text())
NOISE = np.load(GOLDEN / "perlin.npz")
FUNCTIONS = np.load(GOLDEN / "perlin_functions.npz")
RELATIVE = 1e-5  # "Checkpoints" in docs/method.md
ORDER_OF_SUMS = 1e-15
VECTOR_ROUNDING = 2e-15  # of the cosines, sines and powers of the program's NumPy
BATCH = Batch(*(torch.from_numpy(ARRAYS[key]) for key in ("img_aug", "img_origin", "mask")))


@functools.cache
def filled_model(student):
    """The networks of a golden case, of the paper's widths; to be copied before it is changed."""
    return fill(DeSTSeg(ResNet18(layers=3), student=student)).eval()


@pytest.fixture(scope="module", params=["encoder-decoder", "encoder"])
def filled(request):
    return filled_model(request.param)


@pytest.fixture
def model(filled):
    return copy.deepcopy(filled)


@pytest.fixture
def tag(filled):
    return f"dest1_ed{int(filled.student_net.kind == 'encoder-decoder')}"


def assert_norms(model, golden):
    tensors = model.state_dict()
    norms = {key: tensors[key].double().norm().item() for key in golden}
    assert norms == pytest.approx(golden, rel=RELATIVE)


def test_forward(filled, tag):
    with torch.no_grad():
        output = filled(BATCH.corrupted)
    named = {
        "seg": output.segmentation,
        "dest": output.distance,
        **{f"map{k}": distance for k, distance in enumerate(output.distances, 1)},
    }
    for name, ours in named.items():
        assert deviation(ours, ARRAYS[f"{tag}_infer_{name}"]) <= RELATIVE, name


@pytest.mark.parametrize("stage", [1, 2])
def test_losses(model, tag, stage):
    model.eval()
    (model.student_net if stage == 1 else model.segmentation_net).train()
    with torch.no_grad():
        teacher = normalised(model.teacher_net(BATCH.clean))
        # One forward of the student serves both, as its BatchNorm sees one batch a step.
        student = []
        model.student_net.register_forward_hook(lambda *call: student.extend(call[2]))
        probabilities = model(BATCH.corrupted).segmentation
        cosine = cosine_loss(cosine_distances(teacher, normalised(student)))
    mask = downsampled_mask(BATCH.mask, probabilities.shape[-2:])
    golden = NUMBERS[tag][f"stage{stage}"]
    assert cosine.item() == pytest.approx(golden["cosine"], rel=RELATIVE)
    assert focal_loss(probabilities, mask).item() == pytest.approx(golden["focal"], rel=RELATIVE)
    assert l1_loss(probabilities, mask).item() == pytest.approx(golden["l1"], rel=RELATIVE)


def test_downsampled_mask():
    mask = downsampled_mask(BATCH.mask, (16, 16))
    assert np.array_equal(mask, ARRAYS["mask_small"])


def test_student_step(model, tag):
    golden = NUMBERS[tag]["stage1"]
    teacher, segmentation = snapshot(model.teacher_net), snapshot(model.segmentation_net)
    seen = []
    networks = model.teacher_net, model.student_net
    report = {"on_step": lambda *call: seen.append(call)}
    train_student(*networks, [BATCH], TrainingConfig(), den=True, **report)
    assert seen == [(1, pytest.approx(golden["cosine"], rel=RELATIVE))]
    assert_norms(model, golden["param_l2_after_step"])
    tracked = model.student_net.encoder.bn1.num_batches_tracked
    assert tracked == golden["num_batches_tracked_student_bn1"]
    assert not changed(model.teacher_net, teacher)
    assert not changed(model.segmentation_net, segmentation)


def test_segmentation_step(model, tag):
    golden = NUMBERS[tag]["stage2"]
    teacher, student = snapshot(model.teacher_net), snapshot(model.student_net)
    seen = []
    networks = model.teacher_net, model.student_net, model.segmentation_net
    report = {"on_step": lambda *call: seen.append(call)}
    train_segmentation(*networks, [BATCH], TrainingConfig(), **report)
    assert seen == [(1, pytest.approx(golden["focal"] + golden["l1"], rel=RELATIVE))]
    assert_norms(model, golden["param_l2_after_step"])
    assert golden["student_or_teacher_state_changed"] is False
    assert not changed(model.teacher_net, teacher)
    assert not changed(model.student_net, student)
    assert model.student_net.encoder.bn1.num_batches_tracked == 0
    assert model.segmentation_net.res.get_submodule("0.bn1").num_batches_tracked == 1


def test_sizes(filled):
    def parameters(module):
        return sum(parameter.numel() for parameter in module.parameters())

    ed = filled.student_net.kind == "encoder-decoder"
    assert parameters(filled.teacher_net) == 2_782_784
    assert parameters(filled.student_net.encoder) == 11_176_512
    assert parameters(filled.student_net) == (24_665_024 if ed else 11_176_512)
    assert parameters(filled.segmentation_net) == 7_706_369
    assert parameters(filled.segmentation_net.res) == 2_918_912
    assert parameters(filled.segmentation_net.head) == 4_787_457
    # The decoder's 8 blocks have 12 tensors each, its 3 shortcuts 6.
    assert len(filled.state_dict()) == (392 if ed else 392 - 8 * 12 - 3 * 6)
    assert any("decoder" in key for key in filled.state_dict()) is ed


def lattice_angles(name):
    rows, columns = map(int, name.removeprefix("noise_").split("x"))
    return rows, columns, 2 * np.pi * np.random.RandomState(42).rand(rows + 1, columns + 1)


def lattice_noise(name):
    rows, columns, angles = lattice_angles(name)
    noise = perlin_noise(angles[None], np.array([[rows, columns]]), (64, 64))
    assert noise.shape == (1, 64, 64)
    assert noise.dtype == np.float64
    return noise[0]


@pytest.fixture
def functions_of_the_program(monkeypatch):
    """Give perlin the cosines, sines and powers that the program's NumPy has for a lattice."""

    def give(name):
        lattice = name.removeprefix("noise_")
        tables = FUNCTIONS[f"cos_{lattice}"], FUNCTIONS[f"sin_{lattice}"]
        monkeypatch.setattr(perlin, "gradients", lambda angles: tables)
        monkeypatch.setattr(perlin, "fade", lambda t: FUNCTIONS["fade"][(64 * t).astype(int)])
        monkeypatch.setattr(perlin, "_axis", perlin._axis.__wrapped__)

    return give


@pytest.mark.parametrize("name", NOISE.files)
def test_perlin_noise_of_the_same_functions(name, functions_of_the_program):
    """The definition gives the program's bits, given the functions of the program's NumPy.

    NumPy 1.24.2 takes cosines, sines and powers from a vector library on processors with AVX-512,
    up to 2 units in the last place off; without AVX-512 the same NumPy misses the golden noise by
    as much as ours.
    Ours adds up in another order than the definition.
    """
    functions_of_the_program(name)
    rows, columns, angles = lattice_angles(name)
    # The definition looks the functions up where they were replaced.
    defined = noise_definition.defined_noise(angles, (rows, columns), (64, 64))
    assert np.array_equal(defined, NOISE[name])
    assert np.abs(lattice_noise(name) - defined).max() <= ORDER_OF_SUMS


@pytest.mark.parametrize("name", NOISE.files)
def test_perlin_noise(name):
    assert np.abs(lattice_noise(name) - NOISE[name]).max() <= VECTOR_ROUNDING


def test_gradients_are_those_of_the_program_but_for_their_last_bits():
    for name in NOISE.files:
        rows, columns, angles = lattice_angles(name)
        for ours, function in zip(perlin.gradients(angles), ("cos", "sin"), strict=True):
            theirs = FUNCTIONS[f"{function}_{rows}x{columns}"]
            assert np.abs(ours - theirs).max() <= 2 * np.spacing(1.0)
