"""What may be tabulated: results on MVTec AD and on the miniature, and a rival's."""

import pytest

from bench.results.joining import join
from tests.presentation.tabulated import MINIATURE, MVTEC, rival


@pytest.fixture
def cells():
    return MVTEC.cells


@pytest.fixture
def mvtec():
    return MVTEC


@pytest.fixture
def miniature():
    return MINIATURE


@pytest.fixture
def both():
    """DeSTSeg and a rival without variants."""
    return join(MVTEC, [rival()])
