import argparse

import pytest

from bench.commands.experiment_options import add_options, chosen_experiment
from destseg.errors import InputError
from tests.commands.conftest import TWO


@pytest.fixture
def chosen(write_tiny, with_example):
    """The grid that options choose of an experiment of two methods."""

    def chosen(*options):
        parser = argparse.ArgumentParser()
        add_options(parser)
        experiment, _ = chosen_experiment(parser.parse_args([str(write_tiny(TWO)), *options]))
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
    ("options", "said"),
    [
        (["--method", "PatchCore"], "--method PatchCore: tiny has DeSTSeg, mean-patch"),
        (["--method", "destseg"], "--method destseg: tiny has DeSTSeg, mean-patch"),
        (["--variant", "seg+den"], "unknown variant 'seg\\+den'; use den\\+seg"),
        (["--method", "mean-patch", "--variant", "seg"], "--variant seg: mean-patch has none"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_the_experiment_has_not_is_refused(chosen, options, said):
    with pytest.raises(InputError, match=said):
        chosen(*options)
