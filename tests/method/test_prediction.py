import numpy as np
import pytest
from PIL import Image

import destseg
from destseg import prediction as module
from destseg.errors import InputError
from destseg.inference import anomaly_maps, image_scores, upsample
from destseg.prediction import CONTOUR, Prediction, Scale, top_pixels
from tests.method.small_networks import small_model

COLOUR = {name: getattr(module, name) for name in ("ANOMALOUS", "NORMAL")}
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


HELD = {
    "grey": lambda a: a[..., 0],
    "one channel": lambda a: a[..., :1],
    "alpha": lambda a: np.dstack([a, a[..., :1]]),
    "16 bits": lambda a: a[..., 0].astype(np.uint16) * 257,
    "turned": lambda a: a.transpose(1, 0, 2),
}


@pytest.mark.parametrize("kind", HELD)
def test_arrays_and_pillow_images_are_read_as_their_files_are(model, tmp_path, kind):
    held = HELD[kind](picture(20, 24))
    image = Image.fromarray(np.ascontiguousarray(held[..., 0] if held.shape[-1] == 1 else held))
    image.save(tmp_path / "a.png")
    expected = model.predict(tmp_path / "a.png")[0]
    for given in (held, image, [held], (one for one in [image]), Image.open(tmp_path / "a.png")):
        (found,) = model.predict(given)
        assert np.array_equal(found.picture, expected.picture)
        assert np.array_equal(found.anomaly_map, expected.anomaly_map)


def test_any_iterable_is_taken(model):
    pictures = [picture(9, 9, seed) for seed in range(10)]
    found = model.predict(one for one in pictures)
    assert all(one.picture is given for one, given in zip(found, pictures, strict=True))


NO_PICTURES = {
    "floats": (np.zeros((4, 5, 3)), r"an array of shape \(4, 5, 3\) and type float64"),
    "16-bit colours": (np.zeros((4, 5, 3), np.uint16), r"\(4, 5, 3\) and type uint16"),
    "channels first": (np.zeros((3, 4, 5), np.uint8), r"\(3, 4, 5\) and type uint8"),
    "a batch": (np.zeros((1, 4, 5, 3), np.uint8), r"\(1, 4, 5, 3\) and type uint8"),
    "nothing in it": (np.zeros((0, 5, 3), np.uint8), r"\(0, 5, 3\) and type uint8"),
    "bools": (np.zeros((4, 5), bool), r"\(4, 5\) and type bool"),
    "bytes": (b"a.png", "bytes"),
    "a number": (3, "int"),
    "none": (None, "NoneType"),
    "a list of none": ([None], "NoneType"),
}


@pytest.mark.parametrize("kind", NO_PICTURES)
def test_what_is_no_picture_is_named_with_position_shape_and_type(model, kind):
    given, said = NO_PICTURES[kind]
    remedy = r"; give a path, a Pillow image or an array \(H, W, 3\) uint8 RGB"
    with pytest.raises(InputError, match=rf"^picture 0: .*{said}{remedy}"):
        model.predict(given)
    if isinstance(given, np.ndarray):
        with pytest.raises(InputError, match=rf"^picture 9: .*{said}{remedy}"):
            model.predict([picture(4, 4)] * 9 + [given])


def test_pillow_images_that_cannot_be_used(model, tmp_path):
    with pytest.raises(InputError, match=r"^picture 0: floating-point pixels"):
        model.predict(Image.fromarray(np.zeros((4, 4), np.float32)))
    Image.fromarray(picture(40, 40)).save(tmp_path / "a.png")
    (tmp_path / "a.png").write_bytes((tmp_path / "a.png").read_bytes()[:500])
    with (
        Image.open(tmp_path / "a.png") as cut,
        pytest.raises(InputError, match=r"^picture 0: trunc"),
    ):
        model.predict(cut)


def test_pictures_of_few_bits_are_read_at_the_depth_of_the_training_images(tmp_path):
    grey = picture(20, 24)[..., 0].astype(np.uint16)
    model = small_model(size=64)
    with pytest.raises(InputError, match=r"^picture 0: its 16 bits hold values up to"):
        model.predict(grey * 16)
    model.depth = 12
    for given in (grey * 16, Image.fromarray(grey * 16)):
        (found,) = model.predict(given)
        assert np.array_equal(found.picture[..., 0], grey)
    # Half as bright, not half as deep.
    (found,) = model.predict(grey * 4)
    assert np.array_equal(found.picture[..., 0], grey // 4)
    loaded = destseg.load(destseg.save(model, tmp_path / "model.pt"))
    assert loaded.depth == 12


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
    overlay = prediction.overlay(contour=False)
    assert overlay.shape == (2, 4, 3)
    assert overlay.dtype == np.uint8
    untouched = np.all(overlay == prediction.picture, axis=2)
    assert untouched.tolist() == [[True, True, False, False], [False, False, True, True]]
    assert np.array_equal(overlay[1, 0], overlay[1, 1]), "the scale ends"
    distance = np.abs(overlay.astype(int) - 100).sum(axis=2)
    assert distance[0, 2] < distance[0, 3] < distance[1, 0]


def test_a_line_goes_around_what_is_above_the_limit_and_hides_none_of_it():
    values = np.zeros((9, 12))
    values[3:6, 4:7] = 0.31
    values[7, 1] = 0.3
    prediction = of(values, score=0.31)
    overlay = prediction.overlay()
    line = np.all(overlay == CONTOUR, axis=2)
    around = np.zeros((9, 12), bool)
    around[2:7, 3:8] = True
    around[3:6, 4:7] = False
    assert np.array_equal(prediction.mask, values > 0.3)
    assert np.array_equal(line, around)
    assert np.array_equal(overlay[~line], prediction.overlay(contour=False)[~line])


def test_the_ends_of_the_colours_are_written_below_an_overlay(monkeypatch):
    written = []
    monkeypatch.setattr(module, "_with_text", lambda _, lines, __: written.extend(lines))
    Prediction(
        np.zeros((30, 30, 3), np.uint8), np.zeros((30, 30), np.float32), 1, SCALE
    ).captioned()
    assert written[-1] == "colours: 0.2 (purple) to 0.6 (yellow)"


@pytest.mark.parametrize("width", [40, 900])
def test_the_verdict_stands_below_an_overlay(width):
    picture = np.full((30, width, 3), 100, np.uint8)
    shown = {}
    for score in (0.2, 0.4):
        prediction = Prediction(picture, np.zeros((30, width), np.float32), score, SCALE)
        captioned = prediction.captioned()
        assert np.array_equal(captioned[:30, :width], prediction.overlay())
        assert captioned.shape[1] >= 150
        strip = captioned[30:].reshape(-1, 3)
        shown[score] = {
            name for name in ("ANOMALOUS", "NORMAL") if (strip == COLOUR[name]).all(1).any()
        }
    assert shown == {0.2: {"NORMAL"}, 0.4: {"ANOMALOUS"}}


def test_a_threshold_replaces_the_limit(model):
    (own,) = model.predict(picture(20, 20))
    for threshold, anomalous in ((own.score - 0.01, True), (own.score, False)):
        (found,) = model.predict(picture(20, 20), threshold=threshold)
        assert (found.scale.limit, found.anomalous) == (threshold, anomalous)
    assert model.scale == SCALE


def test_a_folder_and_a_pattern_are_their_images(model, tmp_path):
    names = ["a.png", "sub/b.png", "sub/c.jpg", "sub/notes.txt", "odd[1].png"]
    (tmp_path / "sub").mkdir()
    for seed, name in enumerate(names):
        Image.fromarray(picture(9, 9, seed)).save(tmp_path / name, "PNG")
    whole = [tmp_path / name for name in ("a.png", "odd[1].png", "sub/b.png", "sub/c.jpg")]
    asked = {
        tmp_path: whole,
        tmp_path / "**" / "*.png": [whole[0], whole[1], whole[2]],
        f"{tmp_path}/sub/*": whole[2:],
        tmp_path / "odd[1].png": [whole[1]],
    }
    for given, expected in asked.items():
        assert [one.source for one in model.predict(given)] == expected
    both = model.predict([picture(9, 9), tmp_path / "sub"])
    assert [one.source for one in both] == [None, *whole[2:]]
    with pytest.raises(InputError, match=r"x\*: no image has such a name"):
        model.predict(f"{tmp_path}/x*")
    (tmp_path / "none").mkdir()
    with pytest.raises(InputError, match="no images in it"):
        model.predict(tmp_path / "none")
