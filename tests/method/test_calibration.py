from contextlib import contextmanager

import numpy as np
import pytest
import torch
from PIL import Image

import destseg
from destseg import inference
from destseg.application import calibration
from destseg.application.calibration import calibrate, limit_for, set_limit
from destseg.batches import Batch
from destseg.card import TRAINING_IMAGES, Card
from destseg.errors import InputError
from tests.method.small_networks import small_model


class Known(torch.nn.Module):
    """A model whose map is the first channel of what it is shown."""

    size = 8

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(1))

    def forward(self, images):
        return destseg.Output(images[:, :1, ::2, ::2] * self.weight, None, None)


def test_all_that_is_measured_is_computed_in_float32(monkeypatch):
    """On a GPU torch would take TF32 for whatever is outside."""
    inside = []

    @contextmanager
    def arithmetic(precision, device):
        inside.append(precision)
        yield
        inside.pop()

    class Watched(Known):
        def forward(self, images):
            assert inside == ["float32"]
            return super().forward(images)

    for module in (calibration, inference):
        monkeypatch.setattr(module, "arithmetic", arithmetic)
    shown = torch.zeros(2, 3, 8, 8)
    normal = np.zeros((5, 8, 8, 3), np.uint8)
    calibrate(Watched(), [Batch(shown, shown, shown[:, :1] + 1)], normal)


def test_the_scale_is_measured_on_normal_pixels_and_synthetic_anomalies():
    normal = np.zeros((5, 8, 8, 3), np.uint8)
    shown = torch.zeros(2, 3, 8, 8)
    shown[:, :, :4] = 3.0
    mask = torch.zeros(2, 1, 8, 8)
    mask[:, :, :4] = 1
    found = calibrate(Known(), iter([Batch(shown, shown - 1, mask)]), normal)
    scale = found.scale
    black = -0.485 / 0.229  # ImageNet-normalised
    assert scale.normal == pytest.approx(black)
    assert scale.anomalous == pytest.approx(3.0)
    assert scale.limit == pytest.approx(black)
    assert found.scores == pytest.approx([black] * 5)
    assert found.separation == 1


def test_a_model_that_learned_nothing_has_a_scale_of_some_length():
    normal = np.full((2, 8, 8, 3), 200, np.uint8)
    empty = torch.zeros(2, 3, 8, 8)
    none = Batch(empty, empty, torch.zeros(2, 1, 8, 8))
    low = Batch(empty - 5, empty, torch.ones(2, 1, 8, 8))
    for batch in (none, low):
        scale = calibrate(Known(), iter([batch]), normal).scale
        assert scale.anomalous > scale.normal


@pytest.mark.parametrize("anomaly", [-1.0, 1.4, 9.0])
def test_anomalies_near_the_normal_edge_leave_the_colours_a_span(anomaly):
    """Of a model that learned little: what just exceeds the edge must not look as what is far."""
    normal = np.zeros((5, 8, 8, 3), np.uint8)
    normal[:, :4] = 200
    shown = torch.full((2, 3, 8, 8), anomaly)
    scale = calibrate(Known(), [Batch(shown, shown, shown[:, :1] * 0 + 1)], normal).scale
    edge = (200 / 255 - 0.485) / 0.229
    median = (edge - 0.485 / 0.229) / 2  # half of the pixels are black
    assert scale.normal == pytest.approx(edge, rel=0.01)
    assert scale.anomalous == pytest.approx(max(anomaly, 2 * edge - median), rel=0.05)


def test_progress_is_told_by_the_image_and_by_the_batch():
    told = []
    empty = torch.zeros(2, 3, 8, 8)
    batches = [Batch(empty, empty, torch.ones(2, 1, 8, 8))]
    normal = np.zeros((11, 8, 8, 3), np.uint8)
    calibrate(Known(), batches, normal, lambda *call: told.append(call))
    images = [("scale", 8, 11, ""), ("scale", 11, 11, "")]
    assert told == [*images, ("synthetic anomalies", 1, 8, "")]


def test_a_model_that_cannot_tell_is_called_hardly_trained():
    """Where the marked images score as the clean ones; those without an anomaly do not count."""
    normal = np.zeros((2, 8, 8, 3), np.uint8)
    blank = torch.zeros(4, 3, 8, 8)
    mask = torch.zeros(4, 1, 8, 8)
    mask[:2] = 1
    seen = blank.clone()
    seen[2:] = 9.0
    found = calibrate(Known(), [Batch(seen, blank, mask)], normal)
    assert found.separation == 0.5
    assert "hardly been trained" in Card(separation=found.separation).warning
    seen[:2] = 1.0
    found = calibrate(Known(), [Batch(seen, blank, mask)], normal)
    assert found.separation == 1
    assert Card(separation=found.separation).warning is None
    assert Card().warning is None, "an older file says nothing of it"
    none = calibrate(Known(), [Batch(seen, blank, mask * 0)], normal)
    assert none.separation is None


def test_scores_that_tell_by_chance_do_not_hide_pixels_that_do_not():
    """Anomalous images as wholes above the same without, their anomalies nowhere above the rest."""
    seen = torch.zeros(4, 3, 8, 8)
    seen[:2] = 1.0
    mask = torch.zeros(4, 1, 8, 8)
    mask[:2, :, :4] = 1
    batch = Batch(seen, torch.zeros_like(seen), mask)
    assert calibrate(Known(), [batch], np.zeros((2, 8, 8, 3), np.uint8)).separation == 0.5


@pytest.mark.parametrize("count", [19, 20, 39, 100])
def test_at_most_the_share_of_good_pictures_exceeds_the_limit(count):
    """On average over the scores the limit is taken from: 1 in 20, of any continuous law."""
    draws = np.random.default_rng(count).exponential(size=(4000, count + 1))
    above = [limit_for(row[:-1].tolist(), 0.05) < row[-1] for row in draws]
    expected = (count + 1 - np.ceil((count + 1) * 0.95 - 1e-9)) / (count + 1)
    assert expected <= 0.05
    assert np.mean(above) == pytest.approx(expected, abs=0.012)


def test_a_limit_needs_enough_good_images():
    with pytest.raises(InputError, match=r"false alarms 0.01: 98 good images .* 99 are needed"):
        limit_for([0.1] * 98, 0.01)
    assert limit_for([0.1] * 98 + [0.3], 0.01) == 0.3


def test_the_limit_is_set_by_the_scores_in_the_file_or_of_a_folder(tmp_path):
    model = small_model(size=64, card=Card(good="x", good_scores=(0.1, 0.2, 0.3)))
    set_limit(model, 0.5)
    assert model.scale.limit == 0.2
    for index in range(3):
        pixels = np.random.default_rng(index).integers(0, 256, (32, 32, 3), np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"{index}.png")
    set_limit(model, 0.5, tmp_path)
    scores = sorted(one.score for one in model.predict(tmp_path))
    assert model.scale.limit == pytest.approx(scores[1])
    assert sorted(model.card.good_scores) == pytest.approx(scores)
    assert tmp_path.name in model.card.good
    with pytest.raises(InputError, match="keeps no scores of good images"):
        set_limit(small_model(size=64), 0.5)


@pytest.fixture
def good(tmp_path):
    """Three pictures in a folder."""
    for index in range(3):
        pixels = np.random.default_rng(index).integers(0, 256, (40, 40, 3), np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"{index}.png")
    return tmp_path


def test_a_limit_is_not_set_by_pictures_too_small_to_show_anything(good):
    model = small_model(size=64)
    Image.new("RGB", (40, 31)).save(good / "small.png")
    with pytest.raises(InputError, match=r"small\.png: 40 x 31 pixels; the smallest useful part"):
        set_limit(model, 0.5, good)
    assert (model.scale, model.card) == (destseg.Scale(), Card())


def test_a_limit_is_not_set_by_the_training_images_as_if_they_were_others(good):
    model = small_model(size=64)
    scores = tuple(one.score for one in reversed(model.predict(good)))
    model.card = Card(good=TRAINING_IMAGES, good_scores=scores)
    with pytest.raises(InputError, match="the images that the model was trained on"):
        set_limit(model, 0.5, good)
    set_limit(model, 0.5)
    Image.new("RGB", (40, 40)).save(good / "another.png")
    set_limit(model, 0.5, good)
    set_limit(model, 0.5, good)
    assert len(model.card.good_scores) == 4
    (good / "another.png").unlink()
    with pytest.raises(InputError, match="the images that the model was trained on"):
        set_limit(model, 0.5, good)
