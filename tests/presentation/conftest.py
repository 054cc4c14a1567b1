"""Cells to tabulate, a rival's beside them, and what they may be of."""

import pytest

from tests.presentation.tabulated import MINIATURE, MVTEC, rival_of, table_cells


@pytest.fixture(scope="package")
def cells():
    return table_cells()


@pytest.fixture(scope="package")
def rival(cells):
    return rival_of(cells)


@pytest.fixture
def mvtec():
    return MVTEC


@pytest.fixture
def miniature():
    return MINIATURE
