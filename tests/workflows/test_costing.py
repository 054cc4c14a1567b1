"""What methods cost: against a method whose every multiplication is known."""

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from bench.data.kinds import find_kind
from bench.experiment.grid import Grid
from bench.methods import method
from bench.methods.codecs import SCORES, WEIGHTS
from bench.methods.steps import Scores, Step
from bench.planning.experiment_plan import ExperimentPlan
from bench.planning.stages import Plan, Stage
from bench.results.costs import Cost
from bench.results.files import read_results
from bench.running.execution import Job, run_job
from bench.workflows import costing
from bench.workflows.costing import UPDATES, _looked_at, costs_of
from destseg.resnet import ResNet18

STEPS = 3 * UPDATES
UPDATED: list[int] = []


@dataclass(frozen=True)
class Shared(Step[Any]):
    """Trained once for all categories and seeds: two products of 2 x 3 by 3 x 5."""

    kind = "counted.shared"
    seeded = False
    codec = WEIGHTS

    def run(self, site, *parents):
        first = torch.ones(2, 3) @ torch.ones(3, 5)
        return {"seen": first + torch.ones(2, 3) @ torch.ones(3, 5)}


@dataclass(frozen=True)
class Train(Step[Any]):
    """Each update is a product of 4 x 5 by 5 x 6; the first looks at more."""

    shared: Shared

    kind = "counted.training"
    reads = ("images",)
    codec = WEIGHTS

    def run(self, site, *parents):
        told = site.beat(STEPS)
        for step in range(1, STEPS + 1):
            for _ in range(10 if step == 1 else 1):
                torch.ones(4, 5) @ torch.ones(5, 6)
            UPDATED.append(step)
            told(step, 0.5)
        return {"weight": torch.zeros(7, 2), "steps": torch.tensor(3)}


@dataclass(frozen=True)
class Predict(Step[Scores]):
    """Networks are put together with a product, and each image takes one of 2 x 2 by 2 x 2."""

    train: Train

    kind = "counted.maps"
    seeded = False
    reads = ("images", "teacher")
    codec = SCORES

    def run(self, site, *parents):
        torch.ones(50, 50) @ torch.ones(50, 50)
        images = site["images"].test
        for _ in images:
            torch.ones(2, 2) @ torch.ones(2, 2)
        return Scores(np.zeros((len(images), 2, 2), np.float32))


@pytest.fixture
def here(monkeypatch):
    """No process of its own: steps of a test module are not known elsewhere."""
    monkeypatch.setattr(costing, "alone", lambda function, *arguments: function(*arguments))


@pytest.fixture
def counted(tiny, tiny_inputs, store):
    """Lay out two categories and two seeds of the known method, and compute them."""
    digest = next(iter(tiny_inputs.backbones.values())).digest
    shared = Stage(Shared.kind, 1, {}, (), step=Shared())
    evaluations = {}
    for cell in Grid(("bottle", "tile"), {"DeSTSeg": ("none",)}, (0, 1)).cells():
        images = {"images": tiny_inputs.categories[cell.category].digest, "size": 32}
        place = {"category": cell.category, "seed": cell.seed}
        train = Stage(Train.kind, 1, {**images, **place}, (shared,), **place, step=Train(Shared()))
        maps = Stage(
            Predict.kind,
            1,
            {**images, "teacher": digest},
            (train,),
            **place,
            step=Predict(Train(Shared())),
        )
        evaluations[cell] = Stage("evaluation", 1, {}, (maps,), **place)
        kind = find_kind("miniature")
        for stage in maps.lineage():
            run_job(Job((stage,), tiny_inputs, kind, store))
    grid = Grid(("bottle", "tile"), {"DeSTSeg": ("none",)}, (0, 1))
    return ExperimentPlan(tiny, grid, tiny_inputs, Plan(evaluations, {}))


VARIANT = {"DeSTSeg": "none"}


def test_every_multiplication_is_counted_once(here, counted, store, capsys):
    (cost,) = costs_of(counted, VARIANT, store, {}, "cpu").values()
    assert capsys.readouterr().err.startswith("measuring what DeSTSeg costs: some updates and ")
    shared = 2 * (2 * 3 * 5)
    assert cost.shared_macs == shared
    assert cost.training_macs == STEPS * (4 * 5 * 6) + shared / 4, "a part for each of four cells"
    assert cost.prediction_macs == 2 * 2 * 2
    assert cost.numbers == 7 * 2 + 1
    assert cost.pretrained == sum(each.numel() for each in ResNet18(8, 3).parameters())
    assert cost.device == "cpu"
    assert cost.cell == next(iter(counted.plan.evaluations.values())).key
    assert cost.peak_memory > 2**20
    records = [store.get(stage.key) for stage in counted.plan.evaluations.values()]
    assert records == [None] * 4, "evaluations cost the method nothing"


@pytest.mark.parametrize(
    ("name", "stages", "said"),
    [
        ("STFPM", 2, "some updates and predictions"),
        ("PatchCore", 2, "a fit and predictions"),
        ("pixel-nn", 1, "predictions"),
    ],
)
def test_updates_are_announced_of_what_makes_some(name, stages, said):
    assert _looked_at(name, [None] * stages) == said


def test_seconds_are_the_mean_of_the_cells(here, counted, store):
    kinds = {Shared.kind: 40.0, Train.kind: 3.0, Predict.kind: 100.0}
    for record in list(store.records()):
        content = store.artifact(record)
        store.remove(record.key)
        store.put(dataclasses.replace(record, seconds=kinds[record.kind]), content)
    (cost,) = costs_of(counted, VARIANT, store, {}, "cpu").values()
    assert cost.training_seconds == pytest.approx(3 + 40 / 4)


def test_what_is_known_of_the_same_cell_is_kept(here, counted, store):
    found = costs_of(counted, VARIANT, store, {}, "cpu")
    known = {name: dataclasses.replace(cost, numbers=0) for name, cost in found.items()}
    assert costs_of(counted, VARIANT, store, known, "cpu") == known
    renamed = {name: dataclasses.replace(cost, cell="old") for name, cost in known.items()}
    assert costs_of(counted, VARIANT, store, renamed, "cpu") == known
    elsewhere = {name: dataclasses.replace(cost, device="H100") for name, cost in known.items()}
    assert costs_of(counted, VARIANT, store, elsewhere, "cpu")["DeSTSeg"].numbers > 0


def test_without_a_record_or_a_result_there_is_no_cost(here, counted, store):
    (lost,) = [record for record in store.records() if record.kind == Shared.kind]
    (store.folder(lost.key) / lost.artifact).unlink()
    assert costs_of(counted, VARIANT, store, {}, "cpu") == {}
    store.remove(lost.key)
    assert costs_of(counted, VARIANT, store, {}, "cpu") == {}


def test_a_training_is_ended_after_enough_updates(here, counted, store):
    UPDATED.clear()
    costs_of(counted, VARIANT, store, {}, "cpu")
    assert list(range(1, UPDATES + 2)) == UPDATED


def test_the_committed_rivals_had_the_same_training():
    results = read_results(Path(__file__).parents[2] / "results" / "rivals")
    ours = results.costs["DeSTSeg"].training_macs
    trained = [name for name in results.learners if method(name).scaled is not None]
    assert trained == ["DeSTSeg", "STFPM", "DRAEM", "DSR"]
    for name in trained:
        cost = results.costs[name]
        assert isinstance(cost, Cost)
        assert cost.training_macs / ours == pytest.approx(1, abs=0.03), name
