"""The rivals' trainings in bfloat16: what says so is trained so, and all the rest is float32."""

import dataclasses
from pathlib import Path

import pytest
import torch

from bench.experiment import experiment as experiments
from bench.experiment.reading import load_experiment
from bench.methods._two_class import in_float32
from bench.running.site import StageSite
from destseg.errors import InputError
from destseg.precision import arithmetic
from tests.methods.conftest import METHODS
from tests.methods.test_conformance import laid_out

RIVALS = Path(__file__).parents[2] / "experiments" / "rivals.toml"
TRAINED = ("STFPM", "DRAEM", "DSR")

each_rival = pytest.mark.parametrize("name", TRAINED)


@pytest.fixture
def stages(small_experiment, small_inputs):
    """The stages of one category and seed, with a method in a precision."""

    def stages(name, precision="float32"):
        experiment = small_experiment(METHODS[name], precision=precision)
        laid = laid_out(experiment, small_inputs)
        return [s for s in laid.stages.values() if s.category in ("one", "") and not s.seed]

    return stages


class Listening(StageSite):
    """Keeps the losses that a training tells."""

    losses: list[float]

    def beat(self, steps):
        return lambda _, loss: self.losses.append(loss)


@pytest.fixture
def computed(small_inputs, kind):
    """The first loss of a stage that is a training, and the result of any."""

    def computed(stage, parents):
        site = Listening(stage, small_inputs, kind, "cpu")
        site.losses = []
        result = stage.step.run(site, *parents)
        return site.losses[:1], result

    return computed


@each_rival
def test_every_training_is_in_bfloat16_and_gives_float32(name, stages, computed):
    exact, results = [], []
    for plain, rounded in zip(stages(name)[:-2], stages(name, "bf16")[:-2], strict=True):
        (loss,), state = computed(plain, exact)
        (near,), result = computed(rounded, exact)
        assert near == pytest.approx(loss, rel=0.01)  # before any update
        assert near != loss
        _, again = computed(rounded, exact)
        for key, tensor in result.items():
            assert torch.equal(tensor, again[key])
            assert tensor.dtype == state[key].dtype != torch.bfloat16
            assert tensor.is_contiguous()
            assert tensor.isfinite().all()
        exact.append(state)
        results.append(result)
    _, scores = computed(stages(name, "bf16")[-2], results)
    assert scores.maps.dtype == "float32"
    _, plain = computed(stages(name)[-2], exact)
    assert (scores.maps != plain.maps).any()


@each_rival
def test_every_training_has_a_key_of_its_own(name, stages):
    plain, rounded = stages(name), stages(name, "bf16")
    assert not {stage.key for stage in rounded} & {stage.key for stage in plain}
    for ours, theirs in zip(rounded[:-2], plain[:-2], strict=True):  # but maps and evaluation
        assert ours.parameters == {**theirs.parameters, "precision": "bf16"}


@each_rival
def test_tf32_is_refused_on_a_cpu(name, stages, computed):
    with pytest.raises(InputError, match="precision tf32: only GPUs have it"):
        computed(stages(name, "tf32")[0], ())


def test_what_stays_float32_is_so_in_tf32_too(monkeypatch):
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _: (8, 0))
    matmul = torch.backends.cuda.matmul
    with arithmetic("tf32", "cuda"):
        with in_float32(torch.device("cuda")):
            assert not matmul.allow_tf32
        assert matmul.allow_tf32


def test_of_the_rivals_those_that_are_trained_have_a_precision():
    rivals = load_experiment(RIVALS)
    found = rivals.in_precision("bf16")
    assert found.precisions == dict.fromkeys(("DeSTSeg", *TRAINED), "bf16")
    assert found.in_precision("float32") == rivals
    with pytest.raises(InputError, match="bf16: of PatchCore none is trained in another"):
        rivals.narrowed(methods=["PatchCore"]).in_precision("bf16")


def test_a_method_whose_steps_do_not_carry_it_is_float32(small_experiment, monkeypatch):
    """Whatever it says that it can."""
    says_so = dataclasses.replace(METHODS["mean-patch"], in_precision=lambda config, _: config)
    monkeypatch.setattr(experiments, "method", lambda _: says_so)
    experiment = small_experiment(says_so)
    assert experiment.precisions == {}
    with pytest.raises(InputError, match="bf16: of mean-patch none is trained in another"):
        experiment.in_precision("bf16")
