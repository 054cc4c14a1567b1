import dataclasses

import pytest

from bench.data.kinds import find_kind
from bench.experiment.reading import load_experiment
from bench.planning.experiment_plan import is_known, lay_out, look_up, sketch
from bench.planning.inputs import UNPREPARED, Sources
from destseg.config import TrainingConfig
from destseg.errors import InputError
from tests.folders import write_category


@pytest.fixture
def sources(shared_cache, tiny_inputs):
    return Sources(None, None, shared_cache)


def of_mvtec(experiment, categories=()):
    return dataclasses.replace(
        experiment,
        dataset=dataclasses.replace(experiment.dataset, kind="mvtec"),
        grid=dataclasses.replace(experiment.grid, categories=categories),
    )


def test_what_is_prepared_is_looked_up_as_it_is_laid_out(tiny, sources):
    laid = lay_out(tiny, sources, jobs=1)
    assert laid.grid.categories == ("bottle", "tile")
    assert look_up(tiny, sources) == laid
    assert laid.unprepared == ()
    assert all(is_known(stage) for stage in laid.plan.evaluations.values())


def test_looking_up_makes_nothing(tiny, tmp_path):
    cache = tmp_path / "cache"
    laid = look_up(tiny, Sources(None, None, cache))
    assert laid.unprepared == ("teacher", "textures", "bottle", "tile")
    assert not cache.exists()
    assert not any(is_known(stage) for stage in laid.plan.evaluations.values())
    assert len(laid.plan.evaluations) == 32, "cells are still told apart"
    assert laid == sketch(tiny)


def test_one_category_may_lack_alone(tiny, sources, mvtec_folder):
    # Images that no other test has had decoded.
    write_category(mvtec_folder / "bottle", (48, 36), 6, {"good": 3, "hole": 3})
    laid = look_up(of_mvtec(tiny, ("bottle",)), Sources(mvtec_folder, None, sources.cache))
    assert laid.unprepared == ("bottle",)
    assert all(ref.digest != UNPREPARED for ref in laid.inputs.backbones.values())


def test_a_folder_with_a_part_of_mvtec_is_said_to_be_that(tiny, sources, mvtec_folder, caplog):
    given = Sources(mvtec_folder, None, sources.cache)
    look_up(of_mvtec(tiny, ("bottle",)), given)
    assert not caplog.messages, "what is asked for is there"
    look_up(of_mvtec(tiny), given)
    assert caplog.messages == [f"note: 1 of MVTec AD's 15 categories is in {mvtec_folder}"]


def test_without_a_folder_mvtecs_categories_are_assumed_where_that_is_wanted(tiny, sources):
    with pytest.raises(InputError, match="add --data DIR"):
        look_up(of_mvtec(tiny), sources)
    laid = look_up(of_mvtec(tiny), sources, assume=True)
    assert laid.grid.categories == laid.unprepared == find_kind("mvtec").categories


def test_an_unknown_category_is_refused(tiny, sources):
    grid = dataclasses.replace(tiny.grid, categories=("botle",))
    for layer in (look_up, lambda *given: lay_out(*given, jobs=1)):
        with pytest.raises(InputError, match="'botle'"):
            layer(dataclasses.replace(tiny, grid=grid), sources)


def test_fewer_images_than_a_batch_are_refused(tiny, sources, mvtec_folder):
    training = TrainingConfig(batch_size=7)
    configs = {"DeSTSeg": dataclasses.replace(tiny.configs["DeSTSeg"], training=training)}
    experiment = dataclasses.replace(of_mvtec(tiny, ("bottle",)), configs=configs)
    with pytest.raises(InputError, match="6 training images, and DeSTSeg needs 7 for one batch"):
        lay_out(experiment, Sources(mvtec_folder, None, sources.cache), jobs=1)


def with_rivals(write_tiny, teacher):
    """The tiny experiment with two other methods that read the teacher, one of another width."""
    path = write_tiny(
        {
            "floors = false": 'floors = false\nmethods = ["DeSTSeg", "PatchCore", "STFPM"]',
            "top_t = 10": "top_t = 10\n[methods.STFPM]\nwidth = 32\n"
            '[methods.PatchCore]\nbackbone = "resnet18"\nwidth = 8',
        }
    )
    return dataclasses.replace(load_experiment(path), teacher=teacher)


def test_where_a_width_that_does_not_fit_is_set_is_named(write_tiny, weights, sources):
    with pytest.raises(InputError, match=r"set width in \[methods\.STFPM\] to match the file"):
        lay_out(with_rivals(write_tiny, str(weights)), sources, jobs=1)
    with pytest.raises(InputError) as caught:
        lay_out(with_rivals(write_tiny, "distilled"), sources, jobs=1)
    assert [
        line.partition("; ")[2].partition(" to ")[0] for line in str(caught.value).split("\n")
    ] == [
        "set width in [methods.DeSTSeg.model] and [methods.PatchCore]",
        "set width in [methods.STFPM]",
    ]


def test_a_teacher_that_a_method_cannot_read_is_refused(write_tiny):
    with pytest.raises(InputError, match="'wide_resnet50_2', and DeSTSeg reads a ResNet-18; set"):
        sketch(with_rivals(write_tiny, "wide_resnet50_2"))
    path = write_tiny({"floors = false": 'floors = false\nmethods = ["PatchCore"]'}, "wide")
    wide = dataclasses.replace(load_experiment(path), teacher="wide_resnet50_2")
    assert set(sketch(wide).inputs.backbones) == {("wide_resnet50_2", 64)}
