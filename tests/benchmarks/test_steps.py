"""The reference does the same as ours, and more of it; its steps are timed beside ours."""

import pytest
import torch

from benchmarks import steps
from benchmarks.chip import counted_flops
from benchmarks.figures import Setting
from benchmarks.reference import Reference
from destseg.batches import Batch
from destseg.config import ModelConfig

SMALL = ModelConfig(4, 8, (1, 2))


@pytest.fixture(scope="module")
def batches():
    batch = steps.one_batch(64, 4, "cpu")
    return [Batch(*(part.roll(k, 0).roll(3 * k, 2) for part in batch)) for k in range(20)]


def test_the_reference_has_the_parameters_of_the_whole_model():
    ours = steps.untrained(SMALL).state_dict()
    theirs = Reference(SMALL).state_dict()
    assert {k: v.shape for k, v in ours.items()} == {k: v.shape for k, v in theirs.items()}


@pytest.mark.parametrize(("stage", "net"), [(1, "student_net"), (2, "segmentation_net")])
def test_after_20_steps_the_weights_are_those_of_the_reference(batches, stage, net):
    config = steps.training_config(4)
    start = steps.untrained(SMALL).state_dict()
    found = []
    for train in (steps.ours, steps.theirs):
        model = steps.untrained(SMALL)
        train(stage, model, config, iter(batches))
        found.append(model.state_dict())
    moved = {name for name in start if not torch.equal(start[name], found[0][name])}
    assert moved == {name for name in start if name.startswith(net)}
    for name, value in found[0].items():
        torch.testing.assert_close(value, found[1][name], atol=1e-4, rtol=1e-4, msg=name)


def test_the_reference_computes_what_its_stage_does_not_use(batches, monkeypatch):
    seen = {"teacher": 0, "student": 0, "net": 0}
    model = steps.untrained(SMALL)

    def counting(name, module):
        def note(*_):
            seen[name] += 1

        module.register_forward_hook(note)

    original = Reference.__init__

    def watched(self, config):
        original(self, config)
        counting("teacher", self.teacher_net["encoder"])
        counting("student", self.student_net)
        counting("net", self.segmentation_net)

    monkeypatch.setattr(Reference, "__init__", watched)
    for stage in (1, 2):
        steps.theirs(stage, model, steps.training_config(4), batches[:1])
    assert seen == {"teacher": 4, "student": 2, "net": 2}


def test_both_stages_are_timed_in_each_precision():
    found = {figure.name: figure.value for figure in steps.measure(Setting(rounds=1, smoke=True))}
    assert min(found.values()) > 0
    for name in steps.precisions("cpu"):
        for stage in (1, 2):
            assert f"stage {stage}, batch 32 of 32 px, {name}" in found
            assert f"stage {stage}, {name}, times as fast as the reference" in found


def test_repeated_batches_cannot_be_known_again(batches):
    first, second = steps.repeated(batches[0], 2)
    assert first.clean is not second.clean
    assert torch.equal(first.clean, second.clean)


def test_convolutions_are_counted_as_the_issue_of_the_paper_has_them():
    flops = counted_flops(ModelConfig(), 256)
    macs = [round(value / 2e9, 2) for value in flops]
    assert macs == [1.83, 5.34, 15.86, 31.27, 89.12]
