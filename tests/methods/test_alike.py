"""The rivals' updates can be recorded: each launches the same kernels, and waits for none."""

import pytest
import torch
from torch.optim.optimizer import (
    register_optimizer_step_post_hook,
    register_optimizer_step_pre_hook,
)
from torch.utils._python_dispatch import TorchDispatchMode

from bench.methods._two_class import Doubling
from bench.running.site import StageSite
from destseg import recording
from tests.methods.conftest import METHODS
from tests.methods.test_conformance import laid_out

WAITS = {torch.Tag.data_dependent_output, torch.Tag.dynamic_output_shape}
BY_MASK = {torch.ops.aten.index.Tensor, torch.ops.aten.index_put_.default}


class Unwaiting(TorchDispatchMode):
    """Refuses operations that the host would wait for, or whose shapes depend on values.

    Not those of Adam, which off CUDA counts its updates on the host.
    """

    stepping = False

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        waits = bool(WAITS & set(func.tags))
        if func in BY_MASK:  # by whole numbers none of it holds
            waits = any(each is not None and each.dtype == torch.bool for each in args[1])
        assert self.stepping or not waits, func
        return func(*args, **(kwargs or {}))


@pytest.fixture
def recorded(monkeypatch):
    """There is no CUDA here: what is recorded is computed anew, refused what cannot be recorded."""
    mode, count = Unwaiting(), []

    def record(work, _):
        def again():
            with mode:
                return work()

        count.append(again)
        return again

    def stepping(value):
        return lambda *_: setattr(mode, "stepping", value)

    monkeypatch.setattr(recording, "BEFORE", 1)
    monkeypatch.setattr(recording, "_record", record)
    monkeypatch.setattr(recording, "_aside", lambda work, _: work())
    monkeypatch.setattr(torch.Tensor, "is_cuda", True)
    hooks = (
        register_optimizer_step_pre_hook(stepping(True)),
        register_optimizer_step_post_hook(stepping(False)),
    )
    yield count
    for hook in hooks:
        hook.remove()


@pytest.fixture
def trained(small_experiment, small_inputs, kind):
    """What the trainings of a rival give, in their order."""

    def trained(name):
        laid = laid_out(small_experiment(METHODS[name]), small_inputs)
        results = []
        for stage in [s for s in laid.stages.values() if s.category in ("one", "")][:-2]:
            site = StageSite(stage, small_inputs, kind, "cpu")
            results.append(stage.step.run(site, *results))
        return results

    return trained


@pytest.mark.parametrize(("name", "trainings"), [("STFPM", 1), ("DRAEM", 1), ("DSR", 3)])
def test_recorded_updates_wait_for_nothing_and_give_the_same_bits(
    name, trainings, trained, request
):
    expected = trained(name)
    recorded = request.getfixturevalue("recorded")
    found = trained(name)
    assert len(found) == len(recorded) == trainings
    for ours, theirs in zip(found, expected, strict=True):
        assert all(torch.equal(tensor, theirs[key]) for key, tensor in ours.items())


def test_what_would_wait_is_refused(recorded):
    work = recording.Recorded(lambda batch: batch[batch > 0])
    work(torch.ones(2))
    with pytest.raises(AssertionError, match=r"aten\.index"):
        work(torch.ones(2))
    work = recording.Recorded(lambda batch: float(batch.sum()))
    work(torch.ones(2))
    with pytest.raises(AssertionError, match="_local_scalar_dense"):
        work(torch.ones(2))


def test_a_doubling_is_torchs_and_on_an_accelerator_its_way_back_has_a_fixed_order():
    values = torch.randn(2, 3, 4, 6, generator=torch.Generator().manual_seed(0))
    ours, theirs = (values.clone().requires_grad_() for _ in range(2))
    found = Doubling()(ours)
    expected = torch.nn.Upsample(scale_factor=2, mode="bilinear", align_corners=True)(theirs)
    assert torch.equal(found, expected)
    gradient = expected.detach().square()
    found.backward(gradient)
    expected.backward(gradient)
    assert torch.equal(ours.grad, theirs.grad)
    elsewhere = Doubling()(torch.empty(2, 3, 4, 6, device="meta", requires_grad=True))
    assert elsewhere.shape == found.shape
    assert "Upsample" not in elsewhere.grad_fn.name()
