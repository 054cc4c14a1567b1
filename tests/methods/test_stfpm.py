"""STFPM: the published program's numbers on given weights, and the parts."""

import copy
import itertools
import math

import numpy as np
import pytest
import torch
from sklearn.model_selection import train_test_split
from torch import nn

from bench.methods.stfpm import METHOD, Config, last_step, training
from bench.methods.stfpm.steps import ERRORS
from bench.methods.stfpm.student import (
    anomaly_map,
    build_student,
    from_authors,
    matching_loss,
    squared_distances,
)
from bench.methods.stfpm.training import (
    Best,
    Recipe,
    shuffled_batches,
    split,
    train,
    validation_error,
)
from destseg.descent import TrainingDiverged
from destseg.errors import InputError
from destseg.features import cosine_distances, fused_distance, normalised
from destseg.inference import upsample
from destseg.losses import cosine_loss
from destseg.resnet import ResNet18
from destseg.teacher import Teacher
from tests.method.filling import deviation, fill
from tests.method.initialisation import assert_kaiming_fan_out, norms
from tests.method.small_networks import changed, snapshot
from tests.methods.rivals import StubSite, inputs, published

ARRAYS, NUMBERS = published("stfpm")
RELATIVE, AFTER_STEPS = 1e-5, 1e-4
MAP, IMAGE = (64, 64), (256, 256)  # the program's sizes, whatever the input's


def networks(width):
    teacher = Teacher(ResNet18(width, 3))
    fill(nn.ModuleDict({"teacher_net": teacher}))
    student = ResNet18(width, 3)
    fill(nn.ModuleDict({"student_net": nn.ModuleDict({"encoder": student})}))
    return teacher, student.eval()


def assert_maps(name, distances):
    golden = NUMBERS[name]
    for level, distance in enumerate(distances, 1):
        assert deviation(distance[:, 0], ARRAYS[f"{name}_level{level}"]) <= RELATIVE
    maps = anomaly_map(distances, MAP)[:, 0]
    assert deviation(maps, ARRAYS[f"{name}_map64"]) <= RELATIVE
    enlarged = upsample(maps.numpy(), IMAGE)
    assert deviation(enlarged[:, ::8, ::8], ARRAYS[f"{name}_map256_s8"]) <= RELATIVE
    assert deviation(enlarged.max(axis=(1, 2)), golden["image_scores"]) <= RELATIVE


@pytest.mark.parametrize("name", ["w64_s64", "w64_s256", "w16_s96"])
@torch.no_grad()
def test_the_programs_maps(name):
    golden = NUMBERS[name]
    teacher, student = networks(golden["width"])
    images = inputs(golden["seed"], golden["shape"])
    assert images.flatten()[:5].tolist() == pytest.approx(golden["input_first5"])
    features = teacher(images), student(images)
    assert [list(level.shape) for level in features[0]] == golden["feature_shapes"]
    assert_maps(name, squared_distances(*features))


def test_the_programs_maps_of_features_with_zero_vectors():
    levels = [
        [torch.from_numpy(ARRAYS[f"stub_{net}{level}"]) for level in (1, 2, 3)]
        for net in ("teacher", "student")
    ]
    distances = squared_distances(*levels)
    assert_maps("stub", distances)
    for zero in NUMBERS["stub"]["zero_vectors"]:
        features = levels[("teacher", "student").index(zero["net"])][zero["level"] - 1]
        place = zero["image"], slice(None), zero["row"], zero["col"]
        assert not features[place].any()
    assert distances[0][0, 0, 3, 5] == pytest.approx(1)
    assert distances[1][1, 0, 2, 2] == 0, "both are zero there"


def student_norms(student, golden):
    tensors = student.state_dict()
    assert any(name not in tensors for name in golden), "layer 4, which we leave out"
    named = {name: golden[name] for name in golden if name in tensors}
    return {name: tensors[name].double().norm().item() for name in named}, named


@pytest.mark.parametrize("name", ["train_w64", "train_w16"])
def test_the_programs_training(name):
    golden = NUMBERS[name]
    teacher, student = networks(golden["width"])
    images = inputs(golden["seed"], golden["shape"])
    held = inputs(golden["val_seed"], golden["val_shape"])
    before = snapshot(teacher)
    parts = torch.split(images, golden["batch"])
    validation = torch.split(held, golden["val_batch"])

    first = copy.deepcopy(student).train()
    matching_loss(squared_distances(teacher(parts[0]), first(parts[0]))).backward()
    for parameter, norm in golden["first_step_gradient_l2"].items():
        if norm is not None:
            found = first.get_parameter(parameter).grad.norm().item()
            assert found == pytest.approx(norm, rel=RELATIVE)
    once = networks(golden["width"])[1]
    train(teacher, once, parts[:1], Recipe())
    found, expected = student_norms(once, golden["student_l2_after_first_step"])
    assert found == pytest.approx(expected, rel=RELATIVE)

    steps = golden["epochs"] * len(parts)
    best = Best(
        student,
        lambda: validation_error(teacher, student, validation, MAP),
        len(parts),
        steps,
    )
    seen = []
    train(
        teacher,
        student,
        itertools.chain(*[parts] * golden["epochs"]),
        Recipe(),
        on_step=lambda _, loss: seen.append(loss),
        best=best,
    )
    assert seen == pytest.approx(golden["losses"], rel=AFTER_STEPS)
    assert best.errors == pytest.approx(golden["validation_error_per_epoch"], rel=AFTER_STEPS)
    assert int(np.argmin(best.errors)) + 1 == golden["kept_epoch_1based"]
    assert not changed(teacher, before)
    assert student.bn1.num_batches_tracked == golden["student_bn1_num_batches_tracked"] == steps
    for state, key in (
        (student.state_dict(), "student_l2_after_last_step"),
        (best.kept(), "kept_student_l2"),
    ):
        kept = ResNet18(golden["width"], 3)
        kept.load_state_dict(state)
        found, expected = student_norms(kept, golden[key])
        assert found == pytest.approx(expected, rel=AFTER_STEPS)
    with torch.no_grad():
        maps = anomaly_map(squared_distances(teacher(held), student(held)), MAP)[:, 0]
    assert deviation(maps[:, ::4, ::4], ARRAYS[f"{name}_after_map64_s4"]) <= AFTER_STEPS
    scores = upsample(maps.numpy(), IMAGE).max(axis=(1, 2))
    assert deviation(scores, golden["after_image_scores"]) <= AFTER_STEPS


def test_channels_last_the_same_training_and_float32_distances(monkeypatch):
    """Where layouts differ; a heap that its gradient corrupts ends the process."""
    images = inputs(0, (4, 3, 32, 32))
    torch.manual_seed(0)
    teacher = Teacher(ResNet18(64, 3))
    losses, students, seen = {}, {}, set()

    def spied(teacher, student):
        seen.update((level.dtype, torch.is_autocast_enabled("cpu")) for level in student)
        return squared_distances(teacher, student)

    monkeypatch.setattr(training, "squared_distances", spied)
    for precision in ("float32", "bf16"):
        student = build_student(64, seed=1)
        losses[precision] = []
        best = Best(student, lambda: 0.5, 1, 2)
        train(
            teacher,
            student,
            torch.split(images, 2),
            Recipe(lr=0.1, precision=precision),
            on_step=lambda _, loss, told=losses[precision]: told.append(loss),
            best=best,
        )
        students[precision] = [student.state_dict(), best.kept()]
    assert seen == {(torch.float32, False)}
    assert losses["bf16"] == pytest.approx(losses["float32"], rel=0.02)
    assert losses["bf16"] != losses["float32"]
    for state in students["bf16"]:
        assert {value.dtype for value in state.values()} == {torch.float32, torch.int64}
        assert all(value.is_contiguous() for value in state.values())


@pytest.mark.parametrize("case", NUMBERS["selection"])
def test_the_epoch_that_the_program_keeps(case):
    errors = [math.nan if error is None else error for error in case["validation_errors"]]
    student = nn.Linear(1, 1)
    left = iter(errors)
    best = Best(student, lambda: next(left), 2, 2 * len(errors))
    for step in range(1, 2 * len(errors) + 1):
        with torch.no_grad():
            student.bias.fill_(step)
        best.keep(step, None)
    if case["kept_epoch_1based"] is None:
        with pytest.raises(TrainingDiverged, match="below 10000"):
            best.kept()
    else:
        assert best.kept()["bias"] == 2 * case["kept_epoch_1based"]


def test_a_last_look_follows_the_last_update():
    best = Best(nn.Linear(1, 1), lambda: 0.5, 3, 7)
    looked = []
    for step in range(1, 8):
        before = len(best.errors)
        best.keep(step, None)
        if len(best.errors) > before:
            looked.append(step)
    assert looked == [3, 6, 7]


@pytest.mark.parametrize("category", NUMBERS["split"])
def test_the_programs_split(category):
    golden = NUMBERS["split"][category]
    training, held = split(golden["n"])
    assert (len(training), len(held)) == (golden["n_train"], golden["n_val"])
    assert training[:8].tolist() == golden["train_first8"]
    assert held[:8].tolist() == golden["val_first8"]
    assert held.sum() == golden["val_sum"]


@pytest.mark.parametrize("count", [2, 5, 15, 60, 61])
def test_the_split_is_scikit_learns(count):
    training, held = split(count)
    theirs = train_test_split(np.arange(count), test_size=0.2, random_state=0)
    assert [training.tolist(), held.tolist()] == [part.tolist() for part in theirs]


def test_distances_and_loss_beside_destsegs():
    """Twice the cosine distance; the loss 2/B times the one that is summed over the batch."""
    torch.manual_seed(0)
    teacher, student = (
        [torch.rand(5, 4 * 2**k, 8 // 2**k, 8 // 2**k) for k in range(3)] for _ in range(2)
    )
    ours = squared_distances(teacher, student)
    theirs = cosine_distances(normalised(teacher), normalised(student))
    for mine, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(mine, 2 * other)
    torch.testing.assert_close(anomaly_map(ours), 8 * fused_distance(theirs))
    torch.testing.assert_close(matching_loss(ours), 2 / 5 * cosine_loss(theirs))


def test_a_product_at_the_images_size_is_another_map():
    torch.manual_seed(0)
    distances = [torch.rand(1, 1, 8 // 2**k, 8 // 2**k) for k in range(3)]
    whole = anomaly_map(distances, (32, 32))
    enlarged = upsample(anomaly_map(distances)[:, 0].numpy(), (32, 32))
    by_hand = np.prod([upsample(each[:, 0].numpy(), (32, 32)) for each in distances], axis=0)
    np.testing.assert_allclose(whole[:, 0], by_hand, rtol=1e-6)
    assert np.abs(enlarged - by_hand).max() > 0.01


def test_gradients_at_zero_vectors_are_finite():
    features = [torch.zeros(1, 4, 2, 2, requires_grad=True)]
    (distance,) = squared_distances([torch.rand(1, 4, 2, 2)], [features[0].relu()])
    distance.sum().backward()
    assert torch.isfinite(features[0].grad).all()


def test_the_last_batch_of_an_epoch_is_kept_and_orders_differ():
    images = np.arange(7, dtype=np.uint8)[:, None, None, None] * np.ones((1, 2, 2, 3), np.uint8)
    found = list(shuffled_batches(images, 3, 6, seed=1))
    assert [len(batch) for batch in found] == [3, 3, 1, 3, 3, 1]
    first, second = (torch.cat(part)[:, 0, 0, 0] for part in (found[:3], found[3:]))
    assert torch.equal(first.sort().values, second.sort().values)
    assert len(first.unique()) == 7
    assert not torch.equal(first, second)
    again = torch.cat(list(shuffled_batches(images, 3, 6, seed=1)))
    other = torch.cat(list(shuffled_batches(images, 3, 6, seed=2)))
    assert torch.equal(torch.cat(found), again)
    assert not torch.equal(again, other)


def test_the_student_starts_as_torchvisions():
    student = build_student(16, seed=0)
    assert all((norm.weight == 1).all() and (norm.bias == 0).all() for norm in norms(student))
    assert_kaiming_fan_out(student)
    assert not hasattr(student, "layer4")
    assert sum(p.numel() for p in build_student(64, seed=0).parameters()) == 2_782_784


def authors_state():
    names = {"conv1": 0, "bn1": 1, "layer1": 4, "layer2": 5, "layer3": 6, "layer4": 7}
    state = {}
    for name, tensor in fill(ResNet18(8, 4)).state_dict().items():
        part, _, rest = name.partition(".")
        state[f"model.{names[part]}.{rest}"] = tensor
    return state


@torch.no_grad()
def test_the_authors_students_are_read():
    student = from_authors(authors_state())
    images = inputs(0, (1, 3, 32, 32))
    expected = fill(ResNet18(8, 4)).eval()(images, 3)
    assert all(torch.equal(*pair) for pair in zip(student(images), expected, strict=True))
    assert not student.training


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (lambda state: state.pop("model.0.weight"), "no tensor 'model.0.weight'"),
        (lambda state: state.pop("model.6.1.conv2.weight"), "layer3.1.conv2.weight"),
        (lambda state: state.update({"model.1.weight": torch.ones(9)}), "size mismatch"),
    ],
)
def test_what_is_no_student_of_theirs_is_refused(edit, said):
    state = authors_state()
    edit(state)
    with pytest.raises(InputError, match=said):
        from_authors(state)


def maps_of(**settings):
    last = last_step(Config(**{"width": 8, "batch_size": 4, "lr": 0.1} | settings), None)
    site = StubSite("teacher", 32)
    state = last.student.run(site)
    return state, last.run(site, state)


def test_the_method_finds_what_is_unlike_the_training_images():
    state, scores = maps_of(epochs=15)
    assert len(state[ERRORS]) == 15
    assert state[ERRORS][-1] < state[ERRORS][0] / 2
    assert scores.maps.shape == (4, 8, 8)
    assert scores.image_scores.argmax() == 3
    row, column = np.unravel_index(scores.maps[3].argmax(), (8, 8))
    assert 1 <= row <= 5
    assert 1 <= column <= 5
    enlarged = upsample(scores.maps, (32, 32))
    assert np.array_equal(scores.image_scores, enlarged.max(axis=(1, 2)).astype(float))


def test_the_last_student_is_trained_on_all_images():
    state, scores = maps_of(steps=3, select="last", fusion="image")
    assert ERRORS not in state
    assert state["bn1.num_batches_tracked"] == 3
    assert scores.maps.shape == (4, 32, 32)
    held_out, _ = maps_of(steps=3)
    assert len(held_out[ERRORS]) == 2  # 8 images in batches of 4: after two steps, and the last


@pytest.mark.parametrize(
    "settings",
    [
        {"batch_size": 3},
        {"lr": 0.2},
        {"momentum": 0.0},
        {"weight_decay": 0.1},
        {"loss_factor": 0.5},
        {"select": "last"},
    ],
    ids=str,
)
def test_every_setting_of_the_training_changes_the_student(settings):
    plain, _ = maps_of(steps=3)
    state, _ = maps_of(steps=3, **settings)
    assert not torch.equal(state["conv1.weight"], plain["conv1.weight"])


def test_a_diverging_student_is_told():
    last = last_step(Config(width=8, batch_size=4, steps=3, lr=1e30), None)
    with pytest.raises(TrainingDiverged, match="lower the learning rate"):
        last.student.run(StubSite("teacher", 32))


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"batch_size": 0}, "batch_size is 0"),
        ({"steps": 0}, "steps is 0"),
        ({"lr": 0}, "lr is 0; it must be positive"),
        ({"weight_decay": -1}, "weight_decay is -1; it must not be negative"),
    ],
)
def test_settings_that_cannot_be_are_refused(settings, said):
    with pytest.raises(ValueError, match=said):
        Config(**settings)


@pytest.mark.parametrize(
    ("settings", "papers"),
    [
        ({}, True),
        ({"loss_factor": 0.5, "fusion": "image", "epochs": 200}, True),
        ({"precision": "tf32"}, True),
        ({"precision": "bf16"}, False),
        ({"epochs": 3}, False),
        ({"select": "last"}, False),
        ({"width": 16}, False),
    ],
)
def test_the_authors_setting_is_known_as_such(settings, papers):
    assert METHOD.is_papers(Config(**settings)) == papers


def test_what_the_foot_of_a_table_says():
    assert METHOD.summary(Config()).startswith("100 epochs of 32 images, width 64, best on held")
    steps = Config(steps=70, select="last")
    assert METHOD.summary(steps) == "70 steps of 32 images, width 64, last kept"
    rounded = Config(steps=70, select="last", precision="bf16")
    assert METHOD.summary(rounded) == METHOD.summary(steps) + ", in bf16"


def test_work_counts_epochs_or_steps():
    step = last_step(Config(steps=10), None).student
    assert step.work(step.settings | {"size": 8}) == 10 * 32 * 64
    longer = last_step(Config(), None).student
    assert longer.work(longer.settings | {"size": 8}) > 50 * step.work(step.settings | {"size": 8})
