"""What is told of a mask before its image is measured by it."""

import numpy as np
import pytest
from PIL import Image

from bench.data.truth import read_truth
from bench.metrics import PAPER


@pytest.mark.parametrize(("grey", "told"), [(100, True), (20, False)])
def test_what_is_mostly_neither_black_nor_white_is_told(tmp_path, caplog, grey, told):
    pixels = np.random.default_rng(0).integers(grey, grey + 30, (32, 32)).astype(np.uint8)
    pixels[8:14, 8:14] = 255
    file = tmp_path / f"{grey}_mask.png"
    Image.fromarray(pixels).save(file)
    read_truth(file, (32, 32), PAPER)
    assert ("is it a mask?" in caplog.text) is told


@pytest.mark.parametrize(("inverted", "told"), [(True, True), (False, False)])
def test_a_mask_that_looks_inverted_is_told(tmp_path, caplog, inverted, told):
    pixels = np.zeros((32, 32), np.uint8)
    pixels[8:14, 8:14] = 255
    file = tmp_path / f"{inverted}_mask.png"
    Image.fromarray(255 - pixels if inverted else pixels).save(file)
    read_truth(file, (32, 32), PAPER)
    assert ("store it the other way round" in caplog.text) is told
