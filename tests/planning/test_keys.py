"""Keys are what results are found by: a golden list of them, which no redesign may move."""

import json
from pathlib import Path

import pytest

from bench.data.categories import CategoryRef
from bench.data.teacher import TeacherRef
from bench.data.textures import TexturesRef
from bench.experiment.grid import Grid
from bench.experiment.reading import load_experiment
from bench.planning.inputs import Inputs
from bench.planning.stages import plan

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "keys.json").read_text())
EXPERIMENTS = Path(__file__).parents[2] / "experiments"
CATEGORIES = ("bottle", "tile")
SEEDS = (0, 7)


@pytest.mark.parametrize("name", GOLDEN)
def test_no_key_moves_and_no_order(name):
    experiment = load_experiment(EXPERIMENTS / f"{name}.toml").narrowed(methods=["DeSTSeg"])
    (backbone,) = experiment.backbones("DeSTSeg").values()
    teacher = TeacherRef(Path(), "teacher", backbone.width, experiment.teacher)
    inputs = Inputs(
        {name: CategoryRef(name, Path(), f"images of {name}", 0, 0) for name in CATEGORIES},
        TexturesRef(Path(), "textures", 0),
        {(backbone.source, backbone.width): teacher},
    )
    grid = Grid(CATEGORIES, experiment.grid.variants, SEEDS)
    laid = plan(experiment, grid.cells(), inputs)
    lineages = {
        f"{cell.category} {cell.variant} {cell.seed}": [s.key[:16] for s in evaluation.lineage()]
        for cell, evaluation in laid.evaluations.items()
    }
    assert lineages == GOLDEN[name]["lineages"]
    assert [key[:16] for key in laid.stages][:40] == GOLDEN[name]["order"]
