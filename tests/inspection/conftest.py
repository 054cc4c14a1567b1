"""Plans over inputs that nobody prepares, and stores filled without computing anything."""

import dataclasses

import pytest

from bench.experiment.grid import Grid
from bench.planning import stages
from bench.planning.stages import CODE_VERSIONS, plan
from bench.store.runs import RunStore
from tests.inspection.inspected import INPUTS, fill

GRID = Grid(("bottle", "tile"), ("none", "den+ed", "den+ed+seg"), (0, 1))


@pytest.fixture
def lay(tiny):
    """Lay the tiny experiment out, with settings of its training or protocol replaced."""

    def lay(inputs=INPUTS, grid=GRID, protocol=None, **training):
        experiment = dataclasses.replace(
            tiny,
            training=dataclasses.replace(tiny.training, **training),
            protocol=dataclasses.replace(tiny.protocol, **(protocol or {})),
        )
        return plan(experiment, grid.cells(), inputs)

    return lay


@pytest.fixture
def store(tmp_path):
    return RunStore(tmp_path / "runs")


@pytest.fixture
def filled(lay, store):
    """A store that has everything, and the plan of it."""
    laid = lay()
    fill(store, laid.tasks.values())
    return laid


@pytest.fixture
def of_code(monkeypatch):
    """Do something as a program would whose stages have other versions."""

    def of_code(work, **versions):
        with monkeypatch.context() as patch:
            patch.setattr(stages, "CODE_VERSIONS", {**CODE_VERSIONS, **versions})
            return work()

    return of_code
