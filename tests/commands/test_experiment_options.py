import argparse

import pytest

from bench.commands.experiment_options import (
    add_options,
    chosen_device,
    chosen_experiment,
    tell_unprepared,
)
from bench.methods import FLOORS
from destseg.errors import InputError
from tests.commands.conftest import TWO


@pytest.fixture
def chosen(write_tiny, with_example):
    """The grid that options choose of an experiment of two methods."""

    def chosen(*options, edits=TWO):
        parser = argparse.ArgumentParser()
        add_options(parser)
        experiment, _ = chosen_experiment(parser.parse_args([str(write_tiny(edits)), *options]))
        return experiment.grid.variants

    return chosen


def test_without_options_all_methods_are_meant(chosen):
    assert [*chosen()] == ["DeSTSeg", "mean-patch"]
    assert len(chosen()["DeSTSeg"]) == 8
    assert chosen()["mean-patch"] == ("",)


@pytest.mark.parametrize(
    ("options", "variants"),
    [
        (["--method", "mean-patch"], {"mean-patch": ("",)}),
        (["--method", "DeSTSeg", "--variant", "seg"], {"DeSTSeg": ("seg",)}),
        (["--variant", "seg"], {"DeSTSeg": ("seg",), "mean-patch": ("",)}),
        (
            ["--method", "mean-patch", "--method", "DeSTSeg", "--variant", "none"],
            {"DeSTSeg": ("none",), "mean-patch": ("",)},
        ),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_methods_and_variants_are_chosen_beside_each_other(chosen, options, variants):
    assert chosen(*options) == variants


@pytest.mark.parametrize(
    ("options", "methods"),
    [
        (["--method", "DeSTSeg"], ["DeSTSeg", *FLOORS]),
        (["--method", "DeSTSeg", "--method", "pixel-nn"], ["DeSTSeg", "pixel-nn"]),
        (["--method", "mean-image"], ["mean-image"]),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_floors_stand_beside_a_chosen_method_unless_one_is_chosen(chosen, options, methods):
    edits = {**TWO, "floors = false": ""}
    assert [*chosen(*options, edits=edits)] == methods
    with pytest.raises(InputError, match="--variant seg: mean-patch has none"):
        chosen("--method", "mean-patch", "--variant", "seg", edits=edits)


@pytest.mark.parametrize(
    ("options", "precision", "folder"),
    [
        ([], "bf16", "tiny"),
        (["--precision", "bf16"], "bf16", "tiny"),
        (["--precision", "tf32"], "tf32", "tiny-tf32"),
        (["--precision", "float32"], None, "tiny-float32"),
    ],
    ids=str,
)
def test_the_precision_is_of_methods_that_have_it(
    write_tiny, with_example, options, precision, folder
):
    stated = {**TWO, "[training]": '[training]\nprecision = "bf16"'}
    parser = argparse.ArgumentParser()
    add_options(parser)
    given = parser.parse_args([str(write_tiny(stated)), *options])
    experiment, found = chosen_experiment(given)
    assert experiment.precisions == ({"DeSTSeg": precision} if precision else {})
    assert (found, experiment.name) == (folder, folder)
    if precision == "tf32":
        given.device = "cpu"
        with pytest.raises(InputError, match="precision tf32: only GPUs have it"):
            chosen_device(given, experiment)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--method", "mean-patch", "--precision", "bf16"], "bf16: of mean-patch none is trained"),
        (["--method", "PatchCore"], "--method PatchCore: tiny has DeSTSeg, mean-patch"),
        (["--method", "destseg"], "--method: unknown method 'destseg'; did you mean DeSTSeg\\?"),
        (["--variant", "seg+den"], "unknown variant 'seg\\+den'; did you mean den\\+seg\\?"),
        (["--method", "mean-patch", "--variant", "seg"], "--variant seg: mean-patch has none"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_the_experiment_has_not_is_refused(chosen, options, said):
    with pytest.raises(InputError, match=said):
        chosen(*options)


def test_three_inputs_are_named_and_the_others_counted(capsys):
    tell_unprepared(("teacher", "textures", "bottle"))
    assert "inputs not prepared yet: teacher, textures, bottle; finished" in capsys.readouterr().err
    tell_unprepared(("teacher", "textures", "bottle", "cable", "tile"))
    assert "teacher, textures, bottle and 2 more; finished stages" in capsys.readouterr().err
    tell_unprepared(())
    assert not capsys.readouterr().err
