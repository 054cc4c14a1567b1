import csv
import re
import shutil
import tempfile

import numpy as np
import pytest
import torch
from PIL import Image

import destseg
from destseg.application import resuming
from destseg.application.commands import main
from destseg.application.predicting import require_writable
from destseg.application.resuming import PartFile
from destseg.card import TRAINING_IMAGES, Card
from destseg.errors import InputError
from destseg.resnet import ResNet18
from tests.method.small_networks import small_model


@pytest.fixture(scope="module")
def workshop(tmp_path_factory):
    """A folder with parts, a teacher and a trained model of the paper's widths, a small model."""
    root = tmp_path_factory.mktemp("workshop")
    rng = np.random.default_rng(0)
    for name in ("parts/train/good", "parts/test/good", "parts/test/hole"):
        (root / name).mkdir(parents=True)
        for index in range(3):
            pixels = rng.integers(80, 120, (48, 40, 3), np.uint8)
            Image.fromarray(pixels).save(root / name / f"{index:03d}.png")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        torch.save(ResNet18(64, 3).state_dict(), root / "teacher.pth")
    destseg.save(small_model(size=64, scale=destseg.Scale(0.1, 0.4, 0.2)), root / "small.pt")
    options = ["--teacher", str(root / "teacher.pth"), "--size", "64", "--batch-size", "3"]
    arguments = ["train", "--data", str(root / "parts"), "--out", str(root / "new" / "model.pt")]
    assert main([*arguments, *options, "--steps", "2", "1", "--device", "cpu"]) == 0
    return root


def predict(workshop, *images, out, model="small.pt"):
    model = workshop / model
    return main(["predict", str(model), *map(str, images), "--out", str(out), "--device", "cpu"])


def test_training_writes_a_model(workshop):
    model = destseg.load(workshop / "new" / "model.pt")
    assert model.size == 64
    assert model.config == destseg.ModelConfig()
    assert [path.name for path in (workshop / "new").iterdir()] == ["model.pt"]


def test_prediction_of_a_folder(workshop, tmp_path, capsys):
    assert predict(workshop, workshop / "parts" / "test", out=tmp_path) == 0
    assert "of 6 images called anomalous" in capsys.readouterr().out
    files = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.*")}
    expected = {"scores.csv"}
    for name in ("good", "hole"):
        for index in range(3):
            expected |= {f"{name}/{index:03d}.tiff", f"{name}/{index:03d}_overlay.png"}
    assert files == expected
    with Image.open(tmp_path / "hole" / "000.tiff") as anomaly_map:
        assert (anomaly_map.mode, anomaly_map.size) == ("F", (40, 48))
        values = np.asarray(anomaly_map)
    with Image.open(tmp_path / "hole" / "000_overlay.png") as overlay:
        assert overlay.mode == "RGB"
        assert overlay.height > 48, "the verdict stands below"
    rows = list(csv.DictReader((tmp_path / "scores.csv").read_text("utf-8").splitlines()))
    assert [tuple(row) for row in rows] == [("image", "score", "relative_score", "anomalous")] * 6
    model = destseg.load(workshop / "small.pt")
    (known,) = model.predict(workshop / "parts" / "test" / "hole" / "000.png")
    assert np.allclose(values, known.anomaly_map, atol=1e-6)
    row = next(row for row in rows if row["image"].endswith("hole/000.png"))
    assert float(row["score"]) == pytest.approx(known.score, rel=1e-4)
    assert row["anomalous"] == ("yes" if known.anomalous else "no")


def test_prediction_of_single_files(workshop, tmp_path):
    test = workshop / "parts" / "test"
    assert predict(workshop, test / "good" / "001.png", out=tmp_path / "one") == 0
    assert (tmp_path / "one" / "001.tiff").is_file()
    both = (test / "good" / "001.png", test / "hole" / "001.png", test / "good" / "001.png")
    assert predict(workshop, *both, out=tmp_path / "two") == 0
    assert sorted(p.name for p in (tmp_path / "two").iterdir()) == ["good", "hole", "scores.csv"]


def test_one_damaged_picture_takes_no_others_results(workshop, tmp_path, capsys):
    pictures = tmp_path / "pictures"
    shutil.copytree(workshop / "parts" / "test", pictures)
    (pictures / "good" / "001.png").write_bytes(b"no picture")
    (pictures / "hole" / "003.png").symlink_to("absent.png")
    hidden = pictures / "good" / ".ipynb_checkpoints"
    hidden.mkdir()
    shutil.copy(pictures / "good" / "000.png", hidden)
    out = tmp_path / "out"
    (out / "hole" / "002.tiff").mkdir(parents=True)
    assert predict(workshop, pictures, out=out) == 3
    said = capsys.readouterr()
    assert "of 4 images called anomalous" in said.out
    assert "3 of 7 not predicted:" in said.err
    for reason in (
        "good/001.png: not an image in a format",
        "hole/003.png: a link to a file that is not there",
        "hole: cannot be written",
    ):
        assert reason in said.err
    rows = list(csv.DictReader((out / "scores.csv").read_text("utf-8").splitlines()))
    found = [row["image"].removeprefix(f"{pictures.as_posix()}/") for row in rows]
    assert found == ["good/000.png", "good/002.png", "hole/000.png", "hole/001.png"]
    assert all((out / name).with_suffix(".tiff").is_file() for name in found)


def test_a_picture_too_small_to_show_anything_is_not_predicted(workshop, tmp_path, capsys):
    shutil.copy(workshop / "parts" / "test" / "good" / "000.png", tmp_path)
    Image.new("RGB", (31, 40)).save(tmp_path / "thumbnail.png")
    assert predict(workshop, tmp_path, out=tmp_path / "out") == 3
    out, err = capsys.readouterr()
    assert "of 1 image called anomalous" in out
    assert "thumbnail.png: 31 x 40 pixels; the smallest useful part has 32 x 32" in err
    assert not list((tmp_path / "out").glob("thumbnail*"))


def test_pictures_that_warm_up_are_not_timed(workshop, tmp_path, capsys):
    test = workshop / "parts" / "test"
    assert predict(workshop, test, out=tmp_path) == 0
    assert "ms per image" not in capsys.readouterr().out, "all of them in one go"
    assert predict(workshop, test, workshop / "parts" / "train", out=tmp_path) == 0
    assert "ms per image on cpu" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("place", "what"),
    [("parts", "a folder"), ("parts/test/good/000.png", "an image")],
)
def test_another_argument_in_the_models_place_is_told_as_that(
    workshop, tmp_path, capsys, place, what
):
    said = f"{place}: {what}; the first argument is the model file, which"
    assert predict(workshop, "small.pt", out=tmp_path / "out", model=place) == 2
    assert said in capsys.readouterr().err
    for command in ("export", "convert"):
        assert main([command, str(workshop / place), str(tmp_path / "out")]) == 2
        assert said in capsys.readouterr().err


def test_a_limit_by_the_training_images_is_warned_of(workshop, tmp_path, capsys):
    card = Card(good=TRAINING_IMAGES, good_scores=(0.1, 0.2, 0.3))
    path = destseg.save(small_model(size=64, card=card), tmp_path / "model.pt")
    calibrating = ["calibrate", str(path), "--false-alarms", "0.5", "--device", "cpu"]
    assert main(calibrating) == 0
    out, err = capsys.readouterr()
    assert "by 3 scores of the training images, which the model knows." in out
    assert "warning: other good pictures will exceed this limit more often; measure some" in err
    assert main([*calibrating, "--good", str(workshop / "parts" / "test" / "good")]) == 0
    assert capsys.readouterr().err == ""


def test_conversion_to_the_authors_format(workshop, tmp_path):
    path = tmp_path / "model.pckl"
    assert main(["convert", str(workshop / "new" / "model.pt"), str(path)]) == 0
    state = torch.load(path, weights_only=True)
    assert len(state) == 392
    image = workshop / "parts" / "test" / "good" / "000.png"
    assert predict(workshop, image, out=tmp_path / "out", model=path) == 0


@pytest.mark.parametrize(
    ("names", "image", "out", "said"),
    [
        (["a.tiff"], "a.tiff", "", "a.tiff would replace a picture"),
        (["a.png", "a.jpg"], "", "out", "both results would be named a"),
        ([], "absent.png", "out", "absent.png: no such file or folder"),
        ([], "", "out", "no images in it"),
    ],
)
def test_what_cannot_be_predicted_leaves_everything_alone(
    workshop, tmp_path, capsys, names, image, out, said
):
    for name in names:
        Image.new("RGB", (40, 40)).save(tmp_path / name)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert predict(workshop, tmp_path / image, out=tmp_path / out) == 2
    assert said in capsys.readouterr().err
    files = (path for path in tmp_path.rglob("*") if path.is_file())
    assert {path.name: path.read_bytes() for path in files} == before


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["predict", "absent.pt", "x.png", "--out", "o"], "absent.pt: no such model file"),
        (["info", "absent.pt"], "`python -m destseg train --data DIR --out absent.pt` writes one"),
        (["train", "--data", "absent", "--out", "m.pt"], "absent: no such folder"),
        (["train", "--data", ".", "--out", "m.pt", "--batch-size", "1"], "at least 2"),
        (["train", "--data", ".", "--out", "m.pt", "--device", "tpu"], "device tpu"),
    ],
)
def test_bad_input_is_one_sentence(tmp_path, monkeypatch, capsys, arguments, said):
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert said in error
    assert error.count("\n") == 1
    assert not list(tmp_path.rglob("*.*"))


@pytest.mark.parametrize(
    ("options", "size", "batch"),
    [([], 128, 3), (["--size", "64", "--batch-size", "2"], 64, 2), (["--batch-size", "4"], 128, 4)],
)
def test_a_training_of_few_parts_without_options_fits_a_cpu(
    workshop, tmp_path, monkeypatch, capsys, options, size, batch
):
    given = {}

    def remember(_, **options):
        given.update(options)
        raise InputError("enough.")

    monkeypatch.setattr("destseg.application.commands.train", remember)
    arguments = ["--data", str(workshop / "parts"), "--out", str(tmp_path / "m"), "--device", "cpu"]
    assert main(["train", *arguments, *options]) == 2
    config = given["config"]
    assert (given["size"], config.batch_size) == (size, batch)
    assert (config.student_steps, config.segmentation_steps) == (150, 400)
    said = f"training on cpu: 3 images of {size} px, 150 + 400 updates of {batch} images; the paper"
    assert said in capsys.readouterr().err


def test_divergence_has_its_own_exit_code(workshop, tmp_path, monkeypatch, capsys):
    def diverge(*_arguments, **_options):
        raise destseg.TrainingDiverged("the loss is nan after 3 updates; lower the learning rate")

    monkeypatch.setattr("destseg.application.commands.train", diverge)
    out = tmp_path / "model.pt"
    assert main(["train", "--data", str(workshop / "parts"), "--out", str(out)]) == 3
    assert "the loss is nan" in capsys.readouterr().err
    assert not out.exists()


def test_an_interrupted_training_says_that_it_can_go_on(workshop, tmp_path, monkeypatch, capsys):
    def interrupted(*_arguments, **_options):
        raise KeyboardInterrupt

    monkeypatch.setattr("destseg.application.commands.train", interrupted)
    command = ["train", "--data", str(workshop / "parts"), "--out", str(tmp_path / "model.pt")]
    assert main(command) == 130
    assert "interrupted; the same command continues the training." in capsys.readouterr().err
    monkeypatch.setattr("destseg.application.commands.load", interrupted)
    assert main(["info", str(workshop / "small.pt")]) == 130
    assert capsys.readouterr().err == "interrupted.\n", "there is nothing to continue"


def test_an_unfinished_training_is_told_from_a_model(tmp_path, capsys, monkeypatch):
    path = tmp_path / "model.pt.part"
    monkeypatch.setattr(resuming, "EVERY", 0)
    PartFile(path, "this").keep(1, dict)
    assert main(["info", str(path)]) == 2
    assert f"{path}: an unfinished training and no model yet" in capsys.readouterr().err


@pytest.mark.parametrize(
    "words",
    [
        "train --data parts --out LONG",
        "train --data LONG --out m.pt",
        "train --data parts --out m.pt --textures LONG",
        "predict LONG parts --out o",
        "predict small.pt LONG --out o",
        "info LONG",
        "calibrate small.pt --out m.pt --false-alarms 0.5 --good LONG",
    ],
)
def test_a_name_that_no_file_can_have_is_bad_input(workshop, tmp_path, monkeypatch, capsys, words):
    monkeypatch.chdir(tmp_path)
    for name in ("parts", "small.pt"):
        (tmp_path / name).symlink_to(workshop / name)
    assert main(words.replace("LONG", "x" * 300).split()) == 2
    last = capsys.readouterr().err.splitlines()[-1]
    assert last == f"error: {'x' * 40}... (300 characters): File name too long; give another."


def test_a_place_that_cannot_be_written_is_refused_before_calibrating(
    workshop, tmp_path, monkeypatch, capsys
):
    def computed(*_):
        raise AssertionError

    monkeypatch.setattr("destseg.application.commands.set_limit", computed)
    (tmp_path / "file").touch()
    calibrating = ["calibrate", str(workshop / "small.pt"), "--false-alarms", "0.5", "--out"]
    for place, said in (("", "a folder; name a file"), ("file/m.pt", "cannot be made")):
        assert main([*calibrating, str(tmp_path / place)]) == 2
        assert said in capsys.readouterr().err


def test_the_limit_is_given_or_follows_from_a_share(workshop, tmp_path, capsys):
    test = workshop / "parts" / "test"
    assert main(predicting(workshop, test, tmp_path, "--threshold", "-1")) == 0
    assert "6 of 6 images called anomalous, above -1;" in capsys.readouterr().out
    assert main(predicting(workshop, test, tmp_path, "--false-alarms", "0.4")) == 2
    assert "keeps no scores of good images" in capsys.readouterr().err
    new = tmp_path / "new.pt"
    calibrating = ["calibrate", str(workshop / "small.pt"), "--out", str(new), "--false-alarms"]
    good = ["--good", str(workshop / "parts" / "train" / "good")]
    assert main([*calibrating, "0.25", *good]) == 0
    assert "by 3 scores of the good images in good." in capsys.readouterr().out
    model = destseg.load(new)
    scores = sorted(one.score for one in model.predict(workshop / "parts" / "train" / "good"))
    assert model.scale.limit == pytest.approx(scores[2])
    assert main([*calibrating, "0.2", *good]) == 2
    assert "3 good images cannot tell so small a share; 4 are needed" in capsys.readouterr().err
    assert main(predicting(workshop, test, tmp_path, "--false-alarms", "0.5", model=new)) == 0
    said = capsys.readouterr().out
    assert f"limit {scores[1]:.4g} for 0.5 false alarms, by 3 scores of the good images" in said


def predicting(workshop, images, out, *options, model=None):
    model = model or workshop / "small.pt"
    return ["predict", str(model), str(images), "--out", str(out), "--device", "cpu", *options]


def test_a_model_tells_what_it_is(workshop, capsys):
    assert main(["info", str(workshop / "new" / "model.pt"), "--device", "cpu"]) == 0
    out, err = capsys.readouterr()
    lines = dict(re.split(r"  +", line, maxsplit=1) for line in out.splitlines())
    assert lines["name"] == "parts"
    assert lines["training images"] == "3"
    assert "student_steps 2, segmentation_steps 1" in lines["recipe"]
    assert "teacher teacher.pth, textures procedural, seed 0" in lines["recipe"]
    assert lines["good images"] == "3 scores of the training images, which the model knows"
    assert "ms per picture on cpu" in lines["time"]
    scale = destseg.load(workshop / "new" / "model.pt").scale
    assert f"from {scale.normal:.4g}" in lines["colours"]
    assert f"to {scale.anomalous:.4g}" in lines["colours"]
    assert err.startswith("warning: this model has hardly been trained")
    assert main(["info", str(workshop / "small.pt"), "--device", "cpu"]) == 0
    out, err = capsys.readouterr()
    assert "recipe           not in this file\n" in out
    assert err == ""


def test_prediction_warns_of_a_model_that_learned_nothing(workshop, tmp_path, capsys):
    model = small_model(size=64, card=Card(separation=0.6))
    path = destseg.save(model, tmp_path / "model.pt")
    picture = workshop / "parts" / "test" / "good" / "000.png"
    assert predict(workshop, picture, out=tmp_path, model=path) == 0
    assert "warning: this model has hardly been trained" in capsys.readouterr().err


@pytest.mark.parametrize("option", [["--threshold", "nan"], ["--false-alarms", "1"]])
def test_limits_that_are_none_are_refused(workshop, tmp_path, option, capsys):
    with pytest.raises(SystemExit):
        main(predicting(workshop, "x.png", tmp_path, *option))
    assert capsys.readouterr().err.startswith("usage: python -m destseg predict")


@pytest.mark.parametrize(
    ("arguments", "said", "asked"),
    [
        ("predict m.pt x.png --out o --thresholds 1", "unrecognized", ["--threshold"]),
        ("train --dta x", "arguments are required: --data, --out", ["--data"]),
        ("train --dta x --oot y --prec bf16", "required", ["--data", "--out"]),
        ("train --data x --out y --batchsize=8", "unrecognized", ["--batch-size"]),
        ("train --data x --out y --size 0 --sedd 1", "whole number", ["--seed"]),
        ("trian --versions x", "invalid choice: 'trian'", ["train"]),
        ("--versions", "required: COMMAND", ["--version"]),
    ],
)
def test_mistakes_are_answered_with_the_commands_usage(capsys, arguments, said, asked):
    with pytest.raises(SystemExit):
        main(arguments.split())
    err = capsys.readouterr().err
    command = next((f" {name} " for name in ("predict", "train") if name in arguments), " ")
    assert err.startswith(f"usage: python -m destseg{command}")
    assert said in err
    assert re.findall(r"did you mean (\S+)\?", err) == asked


@pytest.mark.parametrize("command", ["train", "predict", "convert", "calibrate", "info", "export"])
def test_help(capsys, command):
    with pytest.raises(SystemExit) as stopped:
        main([command, "--help"])
    assert stopped.value.code == 0
    if command in ("train", "predict", "calibrate"):
        assert "examples:" in capsys.readouterr().out


def test_usage_errors():
    for arguments in ([], ["train", "--data", "x", "--out", "y", "--steps", "0", "1"]):
        with pytest.raises(SystemExit) as stopped:
            main(arguments)
        assert stopped.value.code == 2


def test_a_place_that_cannot_hold_the_model_is_refused_before_training(tmp_path, capsys):
    assert main(["train", "--data", str(tmp_path), "--out", str(tmp_path)]) == 2
    assert "a folder; name a file, such as" in capsys.readouterr().err


def test_a_folder_that_takes_no_file_is_refused(tmp_path, monkeypatch):
    def refused(**_):
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(tempfile, "TemporaryFile", refused)
    with pytest.raises(InputError, match="Read-only"):
        require_writable(tmp_path)
