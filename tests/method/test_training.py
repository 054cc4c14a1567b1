import dataclasses
import sys

import numpy as np
import pytest
import torch

from destseg import descent
from destseg.batches import Batch, TrainingImages, training_batches
from destseg.config import FUSION_INPUTS, STUDENT_KINDS, ModelConfig, TrainingConfig
from destseg.courses import SegmentationTraining, StudentTraining
from destseg.descent import UNKEPT, TrainingDiverged
from destseg.features import fusion_maps
from destseg.losses import downsampled_mask, focal_loss, l1_loss
from destseg.resnet import ResNet18
from destseg.student import paired_features, student_input
from destseg.teacher import Teacher
from destseg.training import (
    build_segmentation,
    build_student,
    train_segmentation,
    train_segmentations,
    train_student,
    train_students,
)
from tests.interrupting import Interrupting, gone_on
from tests.method.small_networks import (
    changed,
    random_batch,
    small_segmentation,
    small_student,
    small_teacher,
    snapshot,
)

RECIPE = TrainingConfig(batch_size=4, student_lr=0.1, res_lr=0.1, head_lr=0.05)
BATCHES = [random_batch(seed=seed) for seed in range(3)]


def last_loss(train, *arguments, recipe=RECIPE, **options):
    seen = []
    train(*arguments, recipe, on_step=lambda *call: seen.append(call), **options)
    return seen[-1][1]


def repeated(batch):
    return Batch(*(torch.cat([tensor, tensor]) for tensor in batch))


def spy_inputs(module):
    seen = []
    module.register_forward_pre_hook(lambda spied, inputs: seen.append((spied.training, *inputs)))
    return seen


def is_frozen(module):
    return not any(m.training for m in module.modules()) and not any(
        parameter.requires_grad for parameter in module.parameters()
    )


# Stage 1


@pytest.mark.parametrize("den", [True, False])
@pytest.mark.parametrize("kind", STUDENT_KINDS)
def test_student_sees_and_matches_the_right_images(den, kind):
    teacher, student = small_teacher(), small_student(kind)
    of_teacher, of_student = spy_inputs(teacher), spy_inputs(student)
    train_student(teacher, student, BATCHES, RECIPE, den=den)
    assert not any(mode for mode, _ in of_teacher)
    looks = 2 if den and kind == "decoder" else 1  # that student reads the teacher's features
    targets = [image for _, image in of_teacher[::looks]]
    for batch, target, (mode, given) in zip(BATCHES, targets, of_student, strict=True):
        assert mode
        assert torch.equal(target, batch.clean)
        expected = student_input(teacher, student, batch.corrupted if den else batch.clean)
        assert all(torch.equal(a, b) for a, b in zip(given, expected, strict=True))


@pytest.mark.parametrize("kind", STUDENT_KINDS)
def test_student_loss_is_summed_over_the_batch(kind):
    losses = [
        last_loss(train_student, small_teacher(), small_student(kind), [batch], den=True)
        for batch in (BATCHES[0], repeated(BATCHES[0]))
    ]
    assert losses[0] > 1
    assert losses[1] == pytest.approx(2 * losses[0], rel=1e-5)


@pytest.mark.parametrize("kind", STUDENT_KINDS)
def test_stage_1_changes_the_student_alone(kind):
    teacher, student = small_teacher().train(), small_student(kind).eval()
    before, student_before = snapshot(teacher), snapshot(student)
    assert train_student(teacher, student, BATCHES, RECIPE, den=True) is student
    assert not changed(teacher, before)
    assert is_frozen(student)
    moved = changed(student, student_before)
    expected = set(student_before)
    if kind == "encoder":
        # Layer 4 runs without a gradient: no update, no weight decay, but moving statistics.
        statistics = ("running_mean", "running_var", "num_batches_tracked")
        expected -= {key for key in expected if "layer4" in key and not key.endswith(statistics)}
    assert moved == expected


@pytest.mark.parametrize("kind", STUDENT_KINDS)
def test_den_off_with_the_programs_statistics(kind):
    """The corrupted images move the BatchNorm statistics, in front of the clean ones, no weight."""
    both = dataclasses.replace(RECIPE, den_off_statistics="both")
    teacher, student, plain = small_teacher(), small_student(kind), small_student(kind)
    of_student = spy_inputs(student)
    train_student(teacher, student, BATCHES[:1], both, den=False)
    train_student(teacher, plain, BATCHES[:1], RECIPE, den=False)
    shown = [student_input(teacher, student, image) for image in BATCHES[0][:2]]
    for (training_mode, given), expected in zip(of_student, shown, strict=True):
        assert training_mode
        pairs = zip(given, expected, strict=True)
        assert all(torch.equal(a, b) for a, b in pairs)
    tracked = {k: v for k, v in student.state_dict().items() if k.endswith("batches_tracked")}
    assert set(map(int, tracked.values())) == {2}
    moved = changed(student, snapshot(plain))
    assert moved == {k for k in snapshot(plain) if "running" in k or k.endswith("tracked")}


def test_den_on_has_no_use_for_them():
    both = dataclasses.replace(RECIPE, den_off_statistics="both")
    first, second = small_student(), small_student()
    train_student(small_teacher(), first, BATCHES, RECIPE, den=True)
    train_student(small_teacher(), second, BATCHES, both, den=True)
    assert not changed(first, snapshot(second))


# Stage 2


def test_stage_2_changes_the_segmentation_net_alone():
    teacher, student, segmentation = small_teacher(), small_student().train(), small_segmentation()
    segmentation.eval()
    before = [snapshot(network) for network in (teacher, student, segmentation)]
    modes = [spy_inputs(network) for network in (teacher, student, segmentation.res)]
    result = train_segmentation(teacher, student, segmentation, BATCHES, RECIPE)
    assert result is segmentation
    assert is_frozen(segmentation)
    assert not changed(teacher, before[0])
    assert not changed(student, before[1])
    assert changed(segmentation, before[2]) == set(before[2])
    *frozen, trained = ({mode for mode, _ in seen} for seen in modes)
    assert (frozen, trained) == ([{False}, {False}], {True})
    assert len(modes[2]) == len(BATCHES)


def test_stage_2_sees_corrupted_images_only():
    teacher, student, segmentation = small_teacher(), small_student(), small_segmentation()
    inputs = [spy_inputs(network) for network in (teacher, student)]
    nothing = [batch._replace(clean=torch.full_like(batch.clean, torch.nan)) for batch in BATCHES]
    train_segmentation(teacher, student, segmentation, nothing, RECIPE)
    for seen in inputs:
        given = torch.cat([images for _, images in seen])
        assert torch.equal(given, torch.cat([batch.corrupted for batch in BATCHES]))


def test_stage_2_loss_is_a_mean_over_the_batch():
    losses = [
        last_loss(train_segmentation, small_teacher(), small_student(), small_segmentation(), [b])
        for b in (BATCHES[0], repeated(BATCHES[0]))
    ]
    assert losses[1] == pytest.approx(losses[0], rel=1e-5)


def test_loss_without_l1():
    """Table 5: the focal loss alone; the first update's loss differs by the L1 term."""
    losses, probabilities = {}, []
    for l1 in (True, False):
        segmentation = small_segmentation()
        segmentation.head[-1].register_forward_hook(
            lambda *call: probabilities.append(torch.sigmoid(call[2].detach()))
        )
        networks = small_teacher(), small_student(), segmentation
        losses[l1] = last_loss(train_segmentation, *networks, BATCHES[:1], l1=l1)
    mask = downsampled_mask(BATCHES[0].mask, probabilities[0].shape[-2:])
    assert torch.equal(*probabilities)
    focal = focal_loss(probabilities[0], mask).item()
    assert losses[False] == pytest.approx(focal, rel=1e-6)
    assert losses[True] == pytest.approx(focal + l1_loss(probabilities[0], mask).item(), rel=1e-6)


@pytest.mark.parametrize("fusion_input", FUSION_INPUTS)
def test_segmentation_net_is_fed_its_input(fusion_input):
    teacher, student = small_teacher(), small_student().eval()
    segmentation = small_segmentation(fusion_input)
    seen = spy_inputs(segmentation.res)
    train_segmentation(teacher, student, segmentation, BATCHES[:1], RECIPE)
    with torch.no_grad():
        features = paired_features(teacher, student, BATCHES[0].corrupted)
    torch.testing.assert_close(seen[0][1], fusion_maps(*features, fusion_input))


@pytest.mark.parametrize("stage", [1, 2])
def test_networks_learn(stage):
    teacher, student, segmentation = small_teacher(), small_student(), small_segmentation()

    def loss_after(batches):
        if stage == 1:
            student.requires_grad_(True)
            return last_loss(train_student, teacher, student, batches, den=True)
        segmentation.requires_grad_(True)
        return last_loss(train_segmentation, teacher, student, segmentation, batches)

    assert loss_after(BATCHES[:1]) > loss_after(BATCHES[:1] * 40) / 0.7


def test_focal_exponent_is_the_recipes():
    losses = []
    for gamma in (0.0, 4.0):
        networks = small_teacher(), small_student(), small_segmentation()
        recipe = TrainingConfig(gamma=gamma)
        losses.append(last_loss(train_segmentation, *networks, BATCHES[:1], recipe=recipe))
    assert losses[0] > losses[1] + 0.1


# Optimiser


def test_defaults_are_the_published_recipe():
    rates = {"student_lr": 0.4, "res_lr": 0.1, "head_lr": 0.01, "momentum": 0.9, "gamma": 4.0}
    steps = {"batch_size": 32, "student_steps": 1000, "segmentation_steps": 4000}
    assert TrainingConfig() == TrainingConfig(**rates, **steps, weight_decay=1e-4)


def gradients_of(parameter):
    seen = []
    parameter.register_hook(lambda gradient: seen.append(gradient.clone()))
    return seen


def after_sgd(parameter, gradients, rate, recipe):
    """Momentum with weight decay in the gradient, not Nesterov's, at a constant rate."""
    value, velocity = parameter.detach().double(), 0
    for gradient in gradients:
        velocity = recipe.momentum * velocity + gradient.double() + recipe.weight_decay * value
        value = value - rate * velocity
    return value


def assert_sgd(module, rates, train):
    recipe = TrainingConfig(weight_decay=0.3, momentum=0.8, student_lr=0.02, res_lr=0.03)
    watched = {key: module.get_parameter(key) for key in rates}
    before = {key: parameter.detach().clone() for key, parameter in watched.items()}
    gradients = {key: gradients_of(parameter) for key, parameter in watched.items()}
    train(recipe)
    for key, rate in rates.items():
        assert len(gradients[key]) == len(BATCHES)
        expected = after_sgd(before[key], gradients[key], getattr(recipe, rate), recipe)
        torch.testing.assert_close(watched[key].double(), expected, rtol=1e-5, atol=1e-6)
        assert not torch.equal(watched[key], before[key])


def test_student_optimiser():
    """BatchNorm and every layer decay too."""
    student = small_student()
    keys = (
        *("encoder.conv1.weight", "encoder.bn1.weight", "encoder.bn1.bias"),
        *("decoder_layer4.0.conv1.weight", "decoder_layer1.1.bn2.weight"),
    )

    def train(recipe):
        train_student(small_teacher(), student, BATCHES, recipe, den=True)

    assert_sgd(student, dict.fromkeys(keys, "student_lr"), train)


def test_segmentation_optimiser():
    segmentation = small_segmentation()
    head = ("head.0.aspp_fusion_layer.conv.weight", "head.2.weight", "head.4.bias")
    rates = dict.fromkeys(("res.0.conv1.weight", "res.1.bn2.bias"), "res_lr")

    def train(recipe):
        train_segmentation(small_teacher(), small_student(), segmentation, BATCHES, recipe)

    assert_sgd(segmentation, rates | dict.fromkeys(head, "head_lr"), train)


# Reports and divergence


@pytest.fixture(params=[torch.nan, torch.inf])
def failing(request):
    """Batches of which the second makes no number of any loss."""
    images = torch.full_like(BATCHES[0].corrupted, request.param)
    return [BATCHES[0], BATCHES[0]._replace(corrupted=images)]


def test_divergence(failing):
    said = "after 2 updates; lower the learning rate"
    networks = small_teacher(), small_student(), small_segmentation()
    with pytest.raises(TrainingDiverged, match=said):
        train_segmentation(*networks, failing, RECIPE)
    with pytest.raises(TrainingDiverged, match=said):
        train_student(*networks[:2], failing, RECIPE, den=True)


@pytest.fixture
def accelerator(monkeypatch):
    """A CPU that is taken for an accelerator, to be waited for at every second step."""
    monkeypatch.setattr(descent, "CHECK_EVERY", 2)
    monkeypatch.setattr(descent, "_at_hand", lambda loss: False)


def test_on_a_cpu_every_step_is_reported():
    steps = []
    networks = small_teacher(), small_student()
    train_student(*networks, BATCHES, RECIPE, den=True, on_step=lambda *call: steps.append(call[0]))
    assert steps == [1, 2, 3]


def test_reports_now_and_then_and_at_the_end(accelerator):
    steps = []

    def report(step, loss):
        assert isinstance(loss, float)
        steps.append(step)

    batches = (BATCHES * 2)[:5]
    train_student(small_teacher(), small_student(), batches, RECIPE, den=True, on_step=report)
    assert steps == [2, 4, 5]
    steps.clear()
    networks = small_teacher(), small_student(), small_segmentation()
    train_segmentation(*networks, batches[:4], RECIPE, on_step=report)
    assert steps == [2, 4]


def test_within_a_step_an_accelerator_is_not_waited_for(accelerator, monkeypatch):
    """What brings a value to the CPU is called by the look at the losses alone."""
    callers = []

    def spied(name):
        whole = getattr(torch.Tensor, name)

        def spy(tensor, *arguments, **options):
            callers.append(sys._getframe(1).f_code.co_name)
            return whole(tensor, *arguments, **options)

        monkeypatch.setattr(torch.Tensor, name, spy)

    networks = small_teacher(), small_student(), small_segmentation()
    for name in ("item", "__float__", "__bool__", "__int__", "cpu", "numpy", "tolist", "nonzero"):
        spied(name)
    train_student(*networks[:2], BATCHES, RECIPE, den=True)
    train_segmentation(*networks, BATCHES, RECIPE)
    assert callers == ["_look"] * 4, "after two steps and after the last, of either stage"


def test_divergence_is_seen_at_the_next_look(accelerator):
    nan = BATCHES[0]._replace(corrupted=torch.full_like(BATCHES[0].corrupted, torch.nan))
    batches = iter([BATCHES[0], nan, *BATCHES])
    with pytest.raises(TrainingDiverged, match="the loss is nan after 2 updates"):
        train_student(small_teacher(), small_student(), batches, RECIPE, den=True)
    assert len(list(batches)) == len(BATCHES)


# Lockstep


KINDS = [(den, kind) for kind in STUDENT_KINDS for den in (False, True)]
SIZES = ModelConfig(width=16, segmentation_width=16, dilations=(1, 2))


def wide_networks(*, fusion_inputs=("product",) * 3):
    """A teacher, three students and their nets, of sizes at which nets are grouped."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        teacher = Teacher(ResNet18(16, 3))
    students = [build_student(SIZES, kind, seed=1).eval() for kind in STUDENT_KINDS]
    levels = teacher.encoder.channels
    nets = [build_segmentation(levels, SIZES, fusion, seed=2) for fusion in fusion_inputs]
    return teacher, students, nets


def same(one, other):
    theirs = other.state_dict()
    return all(torch.equal(tensor, theirs[key]) for key, tensor in one.state_dict().items())


@pytest.mark.parametrize("statistics", ["clean", "both"])
def test_students_get_the_bits_in_lockstep_that_they_get_alone(statistics):
    recipe = dataclasses.replace(RECIPE, den_off_statistics=statistics)
    alone, together = ([small_student(kind) for _, kind in KINDS] for _ in range(2))
    teacher = small_teacher()
    seen = spy_inputs(teacher)
    trainings = [
        StudentTraining(student, recipe, den)
        for student, (den, _) in zip(together, KINDS, strict=True)
    ]
    assert train_students(teacher, trainings, BATCHES) == (None,) * len(KINDS)
    forward = {id(images) for _, images in seen}
    assert forward == {id(images) for batch in BATCHES for images in batch[:2]}
    for student, mine, (den, _) in zip(alone, together, KINDS, strict=True):
        assert same(train_student(small_teacher(), student, BATCHES, recipe, den=den), mine)
        assert is_frozen(mine)


@pytest.mark.parametrize(
    "fusion_inputs", [("product",) * 3, ("product", "features", "product"), FUSION_INPUTS]
)
def test_nets_get_the_bits_in_lockstep_that_they_get_alone(one_thread, fusion_inputs):
    teacher, students, alone = wide_networks(fusion_inputs=fusion_inputs)
    *_, together = wide_networks(fusion_inputs=fusion_inputs)
    of_losses = (True, False, True)
    trainings = [
        SegmentationTraining(student, net, RECIPE, l1)
        for student, net, l1 in zip(students, together, of_losses, strict=True)
    ]
    assert train_segmentations(teacher, trainings, BATCHES) == (None,) * 3
    for student, net, mine, l1 in zip(students, alone, together, of_losses, strict=True):
        assert same(train_segmentation(teacher, student, net, BATCHES, RECIPE, l1=l1), mine)
        assert is_frozen(mine)


@pytest.mark.parametrize(("after", "precision"), [(1, "float32"), (2, "bf16")])
def test_students_that_are_interrupted_in_lockstep(precision, after):
    """One of them has diverged before; it stays so, at the same update, and takes no other."""
    recipe = dataclasses.replace(RECIPE, precision=precision)
    wild = dataclasses.replace(recipe, student_lr=1e30)
    kinds = ("encoder-decoder", "encoder", "decoder")

    def trained(keeper=UNKEPT, batches=(*BATCHES, *BATCHES)):
        students = [small_student(kind) for kind in kinds]
        recipes = (recipe, wild, recipe)
        trainings = map(StudentTraining, students, recipes, (True, True, False))
        faults = train_students(
            small_teacher(), [*trainings], batches[keeper.done :], keeper=keeper
        )
        return students, [str(fault) for fault in faults]

    (expected, faults), (found, again) = trained(), gone_on(trained, Interrupting(after))
    assert again == faults == ["None", faults[1], "None"]
    assert "after" in faults[1]
    assert all(same(expected[index], found[index]) for index in (0, 2))


@pytest.mark.parametrize("fusion_inputs", [("product",) * 3, FUSION_INPUTS])
def test_nets_that_are_interrupted_in_a_group(one_thread, fusion_inputs):
    def trained(keeper=UNKEPT):
        teacher, students, nets = wide_networks(fusion_inputs=fusion_inputs)
        trainings = [*map(SegmentationTraining, students, nets, (RECIPE,) * 3)]
        train_segmentations(teacher, trainings, BATCHES[keeper.done :], keeper=keeper)
        return nets

    assert all(map(same, trained(), gone_on(trained, Interrupting(after=2))))


def test_one_student_that_diverges_takes_no_other():
    wild = dataclasses.replace(RECIPE, student_lr=1e30)
    students = [small_student() for _ in range(3)]
    trainings = [
        StudentTraining(student, recipe, True)
        for student, recipe in zip(students, (RECIPE, wild, RECIPE), strict=True)
    ]
    first, fault, last = train_students(small_teacher(), trainings, BATCHES)
    assert first is last is None
    with pytest.raises(TrainingDiverged) as alone:
        train_student(small_teacher(), small_student(), BATCHES, wild, den=True)
    assert str(fault) == str(alone.value)
    calm = train_student(small_teacher(), small_student(), BATCHES, RECIPE, den=True)
    assert same(students[0], calm)
    assert same(students[2], calm)


def test_one_net_that_diverges_takes_no_other_of_its_group(one_thread):
    """What is no number stays in its own channels."""
    teacher, students, nets = wide_networks()
    wild = snapshot(nets[1]) | {"res.0.bn1.bias": torch.full((16,), torch.nan)}
    nets[1].load_state_dict(wild)
    trainings = [
        SegmentationTraining(student, net, RECIPE)
        for student, net in zip(students, nets, strict=True)
    ]
    batches = BATCHES * 3
    first, fault, last = train_segmentations(teacher, trainings, batches)
    assert first is last is None
    _, _, alone = wide_networks()
    alone[1].load_state_dict(wild)
    with pytest.raises(TrainingDiverged) as raised:
        train_segmentation(teacher, students[1], alone[1], batches, RECIPE)
    assert str(fault) == str(raised.value)
    for index in (0, 2):
        train_segmentation(teacher, students[index], alone[index], batches, RECIPE)
        assert same(alone[index], nets[index])


def test_when_all_have_diverged_the_rest_is_left():
    nan = BATCHES[0]._replace(corrupted=torch.full_like(BATCHES[0].corrupted, torch.nan))
    batches = iter([nan, *BATCHES])
    trainings = [StudentTraining(small_student(), RECIPE, True) for _ in range(2)]
    assert None not in train_students(small_teacher(), trainings, batches)
    assert len(list(batches)) == len(BATCHES)


# Seeds


def test_initial_networks_follow_the_seed_alone():
    before = torch.get_rng_state()
    for make in (small_student, small_segmentation):
        first, same, other = make(seed=1), make(seed=1), make(seed=2)
        assert not changed(first, snapshot(same))
        assert changed(first, snapshot(other))
    assert torch.equal(torch.get_rng_state(), before)


def test_same_seed_same_weights():
    rng = np.random.default_rng(0)
    data = TrainingImages(
        rng.integers(0, 256, (6, 32, 32, 3), np.uint8),
        rng.integers(0, 256, (3, 32, 32, 3), np.uint8),
    )

    def train(seed):
        teacher, student = small_teacher(), small_student(seed=seed)
        segmentation = small_segmentation(seed=seed + 1)
        for stage in (1, 2):
            batches = training_batches(data, batch_size=4, steps=3, seed=10 * seed + stage)
            if stage == 1:
                train_student(teacher, student, batches, RECIPE, den=True)
            else:
                train_segmentation(teacher, student, segmentation, batches, RECIPE)
        return snapshot(student) | snapshot(segmentation)

    first, same, other = train(1), train(1), train(2)
    assert all(torch.equal(first[key], same[key]) for key in first)
    floating = [key for key in first if first[key].is_floating_point()]
    assert sum(torch.equal(first[key], other[key]) for key in floating) == 0
