import shutil
import signal
import time

import numpy as np
import pytest
import torch
from PIL import Image

import destseg
from destseg.application import resuming
from destseg.application.fitting import ROTATIONS, train
from destseg.application.parts import normal_files, read_images
from destseg.application.resuming import PartFile
from destseg.batches import TrainingImages, training_batches
from destseg.config import STUDENT_KINDS, AnomalyConfig, TrainingConfig
from destseg.errors import InputError
from destseg.resnet import ResNet18
from destseg.seeding import derive_seed
from destseg.teacher import Teacher
from destseg.textures import procedural_textures
from destseg.training import build_student, train_student
from destseg.weights import load_trunk
from tests.folders import flip
from tests.method.small_networks import CONFIG, changed, snapshot

RECIPE = TrainingConfig(batch_size=4, student_steps=3, segmentation_steps=2, student_lr=0.1)
ANOMALIES = AnomalyConfig(lattice_exponents=3)


WHOLE = TrainingConfig(**vars(RECIPE) | {"data_stream": "whole"})
ROUNDED = TrainingConfig(**vars(RECIPE) | {"precision": "bf16"})


@pytest.fixture(scope="module")
def parts(tmp_path_factory):
    """Six good parts in MVTec AD's layout, with a defective one that training must not see."""
    folder = tmp_path_factory.mktemp("fitting") / "parts"
    rng = np.random.default_rng(0)
    for name in ("train/good", "test/hole"):
        (folder / name).mkdir(parents=True)
    for index in range(6):
        image = Image.fromarray(rng.integers(80, 120, (40, 32, 3), np.uint8))
        image.save(folder / "train" / "good" / f"{index}.png")
    (folder / "test" / "hole" / "000.png").write_bytes(b"must not be read")
    return folder


@pytest.fixture(scope="module")
def fit(parts, weights):
    def fit(data=parts, **options):
        given = {"teacher": weights, "size": 32, "config": RECIPE, "sizes": CONFIG}
        return train(data, anomalies=ANOMALIES, **given | options)

    return fit


@pytest.fixture(scope="module")
def plain(fit):
    """A model that is trained without options, not to be changed."""
    return fit()


@pytest.fixture(scope="module")
def undisturbed(fit):
    """The model of each stream of data, with the smallest student."""
    return {
        stream: fit(config=config, student="encoder")
        for stream, config in (("stage", RECIPE), ("whole", WHOLE))
    }


def test_a_trained_model_is_ready_for_use(plain):
    model = plain
    assert not model.training
    assert model.size == 32
    assert 0 < model.scale.normal < model.scale.anomalous
    assert 0 < model.scale.limit < 1
    assert model.student_net.encoder.bn1.num_batches_tracked == 3
    assert model.segmentation_net.res[0].bn1.num_batches_tracked == 2


def test_the_same_seed_gives_the_same_model(fit, plain):
    first, same = fit(seed=3), fit(seed=3)
    assert not changed(first, snapshot(same))
    assert first.scale == same.scale
    assert changed(first, snapshot(plain))


def test_the_stages_are_the_steps_of_the_harness(fit, parts, weights):
    """Networks and batches of a stage from its derived seeds, the first stage's by hand."""
    model = fit(seed=3)
    initial, order = (
        derive_seed(stage="student", stream=stream, seed=3) for stream in ("weights", "data")
    )
    data = TrainingImages(read_images(normal_files(parts), 32, "")[0], procedural_textures(32))
    student = train_student(
        Teacher(load_trunk(weights, width=CONFIG.width)),
        build_student(CONFIG, "encoder-decoder", seed=initial),
        training_batches(data, batch_size=4, steps=3, seed=order, anomalies=ANOMALIES),
        RECIPE,
        den=True,
    )
    assert not changed(model.student_net, snapshot(student))


def test_a_folder_of_images_will_do(fit, plain, parts):
    assert not changed(plain, snapshot(fit(parts / "train" / "good")))


@pytest.mark.parametrize("kind", STUDENT_KINDS)
def test_every_student(fit, kind, tmp_path):
    model = fit(student=kind)
    loaded = destseg.load(destseg.save(model, tmp_path / "model.pt"))
    assert loaded.student_net.kind == kind
    assert loaded.scale == model.scale


@pytest.mark.parametrize("option", ["rotation", "textures", "teacher", "data_stream"])
def test_every_option_has_an_effect(fit, plain, parts, option, tmp_path):
    values = {
        "rotation": {"rotation": "full"},
        "textures": {"textures": parts / "train"},
        "data_stream": {"config": WHOLE},
    }
    if option == "teacher":
        torch.save(ResNet18(CONFIG.width, 3).state_dict(), tmp_path / "other.pth")
        values["teacher"] = {"teacher": tmp_path / "other.pth"}
    assert changed(plain, snapshot(fit(**values[option])))


def test_progress_is_told(fit):
    told = []
    fit(on_progress=lambda *call: told.append(call[:3]))
    student = [("student", step, 3) for step in range(4)]
    segmentation = [("segmentation", step, 2) for step in range(3)]
    anomalies = [("synthetic anomalies", batch, 8) for batch in range(1, 9)]
    assert told == [*student, *segmentation, ("scale", 6, 6), *anomalies]


def test_the_papers_rotations():
    turns = {name: (r.quarter_turns, r.degrees) for name, r in ROTATIONS.items()}
    assert turns == {"none": (False, 0), "slight": (False, 5), "full": (True, 5)}


def test_a_folder_has_one_depth_and_the_model_keeps_it(fit, tmp_path):
    folder = tmp_path / "deep"
    folder.mkdir()
    for index in range(6):
        grey = np.random.default_rng(index).integers(100, 4000 - 700 * index, (40, 40), np.uint16)
        Image.fromarray(grey).save(folder / f"{index}.tif")
    images, depth = read_images(normal_files(folder), 40, "")
    assert depth == 12
    assert grey.max() < 1024, "alone it would have another"
    assert np.array_equal(images[5, ..., 0], grey >> 4)
    assert fit(folder).depth == 12


# Bad input


def test_bad_input_is_one_sentence(fit, parts, tmp_path):
    empty = tmp_path / "empty"
    empty.mkdir()
    single = tmp_path / "single"
    single.mkdir()
    shutil.copy(parts / "train" / "good" / "0.png", single)
    for options, said in (
        ({"data": tmp_path / "absent"}, "absent: no such folder; give one with train/good"),
        ({"data": empty}, "empty: neither has a folder train/good nor images"),
        ({"textures": empty}, "empty: no images in it"),
        ({"teacher": tmp_path / "x.pth"}, "x.pth: no such weight file"),
        ({"device": "cuda:99"}, "device cuda:99: not available here; use auto or cpu"),
        ({"rotation": "some"}, "rotation 'some': unknown; there are none, slight, full"),
        ({"config": TrainingConfig(batch_size=7)}, "6 images cannot fill one batch of 7"),
        ({"data": single}, "1 image; a training needs 2 at least, and some 30 to learn"),
        ({"size": 31}, "size 31: the smallest useful one is 32 pixels"),
    ):
        with pytest.raises(InputError) as caught:
            fit(**options)
        assert said in str(caught.value)


# Interruptions


class Interrupted(Exception):
    pass


@pytest.fixture
def interrupted_at(fit, monkeypatch, tmp_path):
    """Run a training that is kept after every update, and stop it at one."""
    monkeypatch.setattr(resuming, "EVERY", -1.0)

    def stop(stage, step, **options):
        def progress(*call):
            if call[:2] == (stage, step):
                raise Interrupted

        with pytest.raises(Interrupted):
            fit(part=tmp_path / "model.part", on_progress=progress, **options)

    return stop


@pytest.mark.parametrize(
    ("data_stream", "stage", "step"),
    [
        *(("stage", "student", step) for step in (1, 2, 3)),
        *(("stage", "segmentation", step) for step in (1, 2)),
        # Between the stages the whole stream goes on, where another begins anew.
        ("whole", "student", 2),
        ("whole", "segmentation", 1),
        ("whole", "segmentation", 2),
    ],
)
def test_an_interrupted_training_ends_with_the_same_weights(
    fit, undisturbed, interrupted_at, tmp_path, stage, step, data_stream
):
    options = {"config": {"stage": RECIPE, "whole": WHOLE}[data_stream], "student": "encoder"}
    interrupted_at(stage, step, **options)
    told = []
    report = {"on_progress": lambda *call: told.append(call[:2])}
    model = fit(part=tmp_path / "model.part", **report, **options)
    assert not changed(model, snapshot(undisturbed[data_stream]))
    assert model.scale == undisturbed[data_stream].scale
    # The update at which it stopped was not kept any more, those before it are not done again.
    first = (stage, step - 1) if step > 1 or stage == "student" else ("student", 3)
    assert told[0] == first


def test_an_interrupt_waits_for_the_update_and_is_saved(tmp_path, caplog):
    path = tmp_path / "model.pt.part"
    part = PartFile(path, "this")
    with part.saved_when_interrupted():
        part.keep(1, lambda: "early")
        interrupt()
        assert not path.exists()
        with pytest.raises(KeyboardInterrupt):
            part.keep(2, lambda: "now")
    assert PartFile(path, "this").state == "now"
    assert f"continues what {path} holds" in caplog.text


def interrupt():
    """As Ctrl-C does it; under a tracer Python sees to a signal some calls later."""
    signal.raise_signal(signal.SIGINT)
    time.sleep(0.01)


def test_a_second_interrupt_waits_for_nothing(tmp_path):
    part = PartFile(tmp_path / "model.pt.part", "this")
    seen = []

    def twice():
        with part.saved_when_interrupted():
            interrupt()
            seen.append("waits")
            interrupt()
            seen.append("waits")

    with pytest.raises(KeyboardInterrupt):
        twice()
    assert seen == ["waits"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_interrupted_twice(fit, plain, interrupted_at, tmp_path):
    interrupted_at("student", 3)
    interrupted_at("segmentation", 2)
    model = fit(part=tmp_path / "model.part")
    assert not changed(model, snapshot(plain))


def test_a_training_in_bfloat16_is_continued_and_told(fit, plain, interrupted_at, tmp_path):
    whole = fit(config=ROUNDED)
    assert changed(whole, snapshot(plain))
    assert (whole.card.precision, plain.card.precision) == ("bf16", "float32")
    interrupted_at("student", 3, config=ROUNDED)
    interrupted_at("segmentation", 2, config=ROUNDED)
    model = fit(part=tmp_path / "model.part", config=ROUNDED)
    assert not changed(model, snapshot(whole))
    assert model.scale == whole.scale


def test_another_training_is_not_continued(fit, interrupted_at, parts, tmp_path, caplog):
    interrupted_at("student", 2)
    before = (tmp_path / "model.part").read_bytes()
    others = (
        ({"seed": 1}, "seed 0, not 1;"),
        ({"student": "encoder"}, "student encoder-decoder, not encoder;"),
        ({"textures": parts / "train"}, "other images or options"),
        ({"config": ROUNDED}, "precision float32, not bf16;"),
    )
    for options, said in others:
        with pytest.raises(InputError, match=rf"model\.part: of a training with {said}"):
            fit(part=tmp_path / "model.part", **options)
    assert "continues" not in caplog.text
    assert (tmp_path / "model.part").read_bytes() == before


def test_a_damaged_file_is_refused(fit, interrupted_at, tmp_path):
    interrupted_at("segmentation", 2)
    flip(tmp_path / "model.part")
    with pytest.raises(
        InputError, match=r"model\.part: not a whole file of an unfinished training"
    ):
        fit(part=tmp_path / "model.part")


def test_a_training_is_kept_now_and_then_only(fit, tmp_path):
    fit(part=tmp_path / "model.part")
    assert not (tmp_path / "model.part").exists(), "it took less than two minutes"
