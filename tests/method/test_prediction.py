import numpy as np
import pytest
from PIL import Image

from destseg.errors import InputError
from destseg.inference import anomaly_maps, image_scores, upsample
from destseg.prediction import Prediction, Scale, top_pixels
from tests.method.small_networks import small_model

SCALE = Scale(normal=0.2, anomalous=0.6, limit=0.3)


@pytest.fixture(scope="module")
def model():
    return small_model(size=64, scale=SCALE)


def picture(height, width, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def of(values, score=0.0):
    anomaly_map = np.array(values, np.float32)
    image = np.full((*anomaly_map.shape, 3), 100, np.uint8)
    return Prediction(image, anomaly_map, score, SCALE)


def test_maps_have_the_size_of_their_pictures(model):
    pictures = [picture(64, 64), picture(40, 100), picture(7, 5)]
    predictions = model.predict(pictures)
    for prediction, original in zip(predictions, pictures, strict=True):
        assert prediction.picture is original
        assert prediction.anomaly_map.shape == original.shape[:2]
        assert prediction.anomaly_map.dtype == np.float32
        assert prediction.scale == SCALE


def test_map_and_score_are_those_of_the_paper(model):
    """At the model's own size nothing but the method's own upsampling stands between."""
    original = picture(64, 64)
    (prediction,) = model.predict(original)
    native = anomaly_maps(lambda x: model(x).segmentation, original[None])
    expected = upsample(native, (64, 64))
    np.testing.assert_allclose(prediction.anomaly_map, expected[0], rtol=1e-6)
    assert prediction.score == pytest.approx(float(image_scores(expected, 6)[0]))


@pytest.mark.parametrize(("size", "count"), [(256, 100), (128, 25), (64, 6), (16, 1), (512, 400)])
def test_pixels_in_an_image_score(size, count):
    assert top_pixels(size) == count


def test_pictures_do_not_depend_on_their_company(model):
    pictures = [picture(64, 64, seed) for seed in range(11)]
    together = model.predict(pictures)
    (alone,) = model.predict(pictures[9])
    np.testing.assert_allclose(together[9].anomaly_map, alone.anomaly_map, atol=1e-6)


def test_files_and_arrays_are_alike(model, tmp_path):
    original = picture(50, 60)
    path = tmp_path / "a.png"
    Image.fromarray(original).save(path)
    expected = model.predict(original)[0].anomaly_map
    for given in (path, str(path), [path], [str(path)]):
        (prediction,) = model.predict(given)
        assert np.array_equal(prediction.anomaly_map, expected)


def test_a_grey_picture_nothing_and_an_unreadable_file(model, tmp_path):
    Image.fromarray(picture(50, 60)[..., 0]).save(tmp_path / "grey.png")
    assert model.predict(tmp_path / "grey.png")[0].picture.shape == (50, 60, 3)
    assert model.predict([]) == []
    (tmp_path / "b.png").write_bytes(b"no image")
    with pytest.raises(InputError, match=r"b\.png: not an image"):
        model.predict(tmp_path / "b.png")


def test_predicting_leaves_the_mode_alone(model):
    assert not model.training
    model.train()
    first = model.predict(picture(64, 64))[0].score
    assert model.training
    model.eval()
    assert model.predict(picture(64, 64))[0].score == first


def test_verdict_and_relative_score():
    assert not of([[0.0]], score=0.3).anomalous
    assert of([[0.0]], score=0.31).anomalous
    assert of([[0.0]], score=0.2).relative_score == 0
    assert of([[0.0]], score=0.6).relative_score == pytest.approx(1)


def test_overlay_colours_what_leaves_the_normal_range_and_nothing_else():
    prediction = of([[0.0, 0.2, 0.21, 0.4], [0.6, 5.0, -1.0, 0.1]])
    overlay = prediction.overlay()
    assert overlay.shape == (2, 4, 3)
    assert overlay.dtype == np.uint8
    untouched = np.all(overlay == prediction.picture, axis=2)
    assert untouched.tolist() == [[True, True, False, False], [False, False, True, True]]
    assert np.array_equal(overlay[1, 0], overlay[1, 1]), "the scale ends"
    distance = np.abs(overlay.astype(int) - 100).sum(axis=2)
    assert distance[0, 2] < distance[0, 3] < distance[1, 0]
