"""Plans over inputs that nobody prepares, and stores filled without computing anything."""

import dataclasses

import pytest

from bench.experiment.grid import Grid
from bench.planning.stages import plan, step_types
from tests.inspection.inspected import INPUTS, fill

VARIANTS = ("none", "den+ed", "den+ed+seg")
GRID = Grid(("bottle", "tile"), {"DeSTSeg": VARIANTS}, (0, 1))


@pytest.fixture
def lay(tiny):
    """Lay the tiny experiment out, with settings of its training or protocol replaced."""

    def lay(inputs=INPUTS, grid=GRID, protocol=None, **training):
        config = tiny.configs["DeSTSeg"]
        training = dataclasses.replace(config.training, **training)
        experiment = dataclasses.replace(
            tiny,
            teacher="random",
            configs={"DeSTSeg": dataclasses.replace(config, training=training)},
            protocol=dataclasses.replace(tiny.protocol, **(protocol or {})),
        )
        return plan(experiment, grid.cells(), inputs)

    return lay


@pytest.fixture
def filled(lay, store):
    """A store that has everything, and the plan of it."""
    laid = lay()
    fill(store, laid.stages.values())
    return laid


@pytest.fixture
def of_code(monkeypatch):
    """Do something as a program would whose steps have other versions."""

    def of_code(work, **versions):
        with monkeypatch.context() as patch:
            for kind, version in versions.items():
                patch.setattr(step_types()[kind], "version", version)
            return work()

    return of_code
