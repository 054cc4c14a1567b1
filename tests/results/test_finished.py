import dataclasses
import shutil

import numpy as np

from bench.experiment.grid import Cell
from bench.metrics import evaluate
from bench.results.finished import centre
from bench.store.runs import RunStore

CELL = Cell("DeSTSeg", "none", "tile", 1)


def test_maps_are_those_that_were_scored(tiny_finished):
    results = tiny_finished.results
    scored = tiny_finished.scored_images(CELL)
    row = results.cells.set_index(["category", "variant", "seed"]).loc["tile", "none", 1]
    found = evaluate(scored.maps, scored.masks, results.protocol)
    assert found["iap"] == row["iap"]
    assert found["image_auroc"] == row["image_auroc"]
    assert scored.image(0).shape == (*scored.maps.shape[1:], 3)


def test_image_scores_are_the_methods_own_where_it_has_some(tiny_finished, monkeypatch):
    stored = tiny_finished.scores(CELL)
    own = np.arange(len(stored.maps), dtype=np.float64)
    with_own = stored._replace(image_scores=own)
    monkeypatch.setattr(type(tiny_finished), "scores", lambda *_: with_own)
    np.testing.assert_array_equal(tiny_finished.scored_images(CELL).image_scores, own)


def test_images_are_cropped_as_scores_are(tiny, tiny_finished, shared_cache, tiny_plan):
    protocol = dataclasses.replace(tiny.protocol, size=48, crop=40)
    laid = tiny_plan(dataclasses.replace(tiny, protocol=protocol))
    cells = tiny_finished.results.cells.assign(protocol=protocol.label)
    results = dataclasses.replace(tiny_finished.results, cells=cells, protocol=protocol)
    other = dataclasses.replace(tiny_finished, results=results, images=laid.inputs.categories)
    scored = other.scored_images(CELL)
    assert scored.maps.shape[1:] == scored.masks.shape[1:] == (40, 40)
    assert scored.image(3).shape == (40, 40, 3)


def test_the_centre_is_cut_as_the_metrics_cut_it():
    images = np.arange(2 * 6 * 6).reshape(2, 6, 6)
    np.testing.assert_array_equal(centre(images, 4), images[:, 1:5, 1:5])
    assert centre(images, 6).shape == images.shape


def test_what_is_gone_is_not_there_and_nothing_is_written(tiny_finished, tmp_path):
    shutil.copytree(tiny_finished.store.root, tmp_path / "runs")
    store = RunStore(tmp_path / "runs")
    copy = dataclasses.replace(tiny_finished, store=store)
    key = copy.results.cells.set_index(["category", "variant", "seed"]).loc["tile", "none", 1][
        "key"
    ]
    record = store.get(key)
    (store.folder(record.parents[0]) / "maps.npy").write_bytes(b"damaged")
    before = sorted(tmp_path.rglob("*"))
    assert copy.scores(CELL) is None
    assert copy.scored_images(CELL) is None
    assert copy.scores(dataclasses.replace(CELL, seed=7)) is None
    assert copy.scores(dataclasses.replace(CELL, seed=0)) is not None
    assert sorted(tmp_path.rglob("*")) == before
    store.discard(record.parents[0])
    assert copy.scores(CELL) is None
    store.discard(record.key)
    assert copy.scores(CELL) is None
    assert dataclasses.replace(tiny_finished, images={}).scored_images(CELL) is None


def test_figures_show_the_least_and_the_full_variant_of_the_first_seed(tiny_finished):
    assert tiny_finished.excerpted == tuple(
        Cell("DeSTSeg", variant, category, 0)
        for category in ("bottle", "tile")
        for variant in ("none", "den+ed+seg")
    )
