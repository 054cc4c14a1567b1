import dataclasses
import shutil

import numpy as np
import pytest

from bench.data.kinds import Origin
from bench.metrics import evaluate
from bench.planning.experiment_plan import required_inputs
from bench.planning.inputs import Sources, prepare_inputs
from bench.results.evidence import Evidence, centre, heading_of
from bench.store.runs import RunStore


@pytest.fixture
def evidence(findings):
    return findings.evidence


def test_maps_are_those_that_were_scored(evidence):
    scored = evidence.scored("tile", "none", 1)
    row = evidence.cells.set_index(["category", "variant", "seed"]).loc["tile", "none", 1]
    found = evaluate(scored.maps, scored.masks, evidence.heading.protocol)
    assert found["iap"] == row["iap"]
    assert found["image_auroc"] == row["image_auroc"]
    assert scored.image(0).shape == (*scored.maps.shape[1:], 3)


def test_pictures_are_cropped_as_scores_are(tiny, findings, evidence, shared_cache):
    protocol = dataclasses.replace(tiny.protocol, size=48, crop=40)
    experiment = dataclasses.replace(tiny, protocol=protocol)
    required = required_inputs(experiment, ("bottle", "tile"))
    inputs = prepare_inputs(required, Sources(None, None, shared_cache), 1)
    heading = dataclasses.replace(evidence.heading, protocol=protocol)
    other = Evidence(evidence.cells, heading, evidence.store, inputs.categories)
    scored = other.scored("tile", "none", 1)
    assert scored.maps.shape[1:] == scored.masks.shape[1:] == (40, 40)
    assert scored.image(3).shape == (40, 40, 3)


def test_the_centre_is_cut_as_the_metrics_cut_it():
    images = np.arange(2 * 6 * 6).reshape(2, 6, 6)
    np.testing.assert_array_equal(centre(images, 4), images[:, 1:5, 1:5])
    assert centre(images, 6).shape == images.shape


def test_what_is_gone_is_not_there_and_nothing_is_written(evidence, tmp_path):
    shutil.copytree(evidence.store.root, tmp_path / "runs")
    store = RunStore(tmp_path / "runs")
    copy = dataclasses.replace(evidence, store=store)
    record = store.get(copy.key("tile", "none", 0))
    path = store.folder(record.parents[0]) / "maps.npy"
    path.write_bytes(b"damaged")
    before = sorted(tmp_path.rglob("*"))
    assert copy.maps("tile", "none", 0) is None
    assert copy.scored("tile", "none", 0) is None
    assert copy.maps("tile", "none", 7) is None
    assert copy.maps("tile", "none", 1) is not None
    assert sorted(tmp_path.rglob("*")) == before
    store.discard(record.parents[0])
    assert copy.maps("tile", "none", 0) is None
    store.discard(record.key)
    assert copy.maps("tile", "none", 0) is None
    assert dataclasses.replace(evidence, images={}).scored("tile", "none", 0) is None


@pytest.mark.parametrize("in_paper", [False, True])
def test_numbers_are_named_by_their_images(tiny, tiny_grid, in_paper):
    origin = Origin("some", "some images", in_paper)
    heading = heading_of(tiny, tiny_grid, origin, seeds=(1,))
    assert heading.dataset == "some images, 32 px"
    assert (heading.is_mvtec, heading.seeds) == (in_paper, (1,))
