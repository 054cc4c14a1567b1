"""The regions of masks."""

import numpy as np
import pytest

from bench.metrics.regions import label_regions
from tests.metrics.metric_definitions import regions


@pytest.mark.parametrize("connectivity", [4, 8])
def test_regions_are_connected_components(connectivity):
    masks = np.random.default_rng(1).random((4, 20, 17)) < np.array([0.1, 0, 0.5, 1])[:, None, None]
    pixels, region = label_regions(masks, connectivity)
    found = {frozenset(pixels[region == number].tolist()) for number in range(region.max() + 1)}
    expected = {
        frozenset(int(np.ravel_multi_index((image, *place), masks.shape)) for place in group)
        for image, mask in enumerate(masks)
        for group in regions(mask.tolist(), connectivity)
    }
    assert found == expected


def test_masks_without_anomaly_have_no_region():
    pixels, region = label_regions(np.zeros((3, 4, 5), bool), 8)
    assert pixels.size == region.size == 0
