"""Stages of the tiny experiment and of two methods of tests, and where their results go."""

import dataclasses

import pytest

from bench import methods as package
from bench.experiment.grid import Grid
from bench.planning.stages import plan
from tests.running.codebook import METHOD


@pytest.fixture
def with_codebook(monkeypatch):
    """The method with a codebook is there while a test runs."""
    known = {**package.methods(), METHOD.name: METHOD}
    monkeypatch.setattr(package, "methods", lambda: known)


@pytest.fixture
def lay(tiny, tiny_inputs):
    """Lay out a grid of the tiny experiment, or of another method on its images."""

    def lay(
        variants, *, method="DeSTSeg", categories=("bottle",), seeds=(0,), dataset=None, **changes
    ):
        config = tiny.configs.get(method) or package.method(method).config()
        experiment = dataclasses.replace(
            tiny,
            grid=dataclasses.replace(tiny.grid, variants={method: variants}),
            configs={method: changes.pop("config", config)},
            dataset=dataclasses.replace(tiny.dataset, **(dataset or {})),
            **changes,
        )
        cells = Grid(categories, {method: variants}, seeds).cells()
        return experiment, plan(experiment, cells, tiny_inputs)

    return lay
