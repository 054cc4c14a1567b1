import dataclasses

import numpy as np
import pytest

from bench.data.cache import seal_digest
from bench.data.kinds import find_kind
from bench.methods.steps import UndeclaredRead
from bench.running.site import StageSite
from destseg.seeding import derive_seed

ABLATION = ("none", "den", "ed", "seg", "den+ed", "den+seg", "ed+seg", "den+ed+seg")
EVERYTHING = {"images", "masks", "rotation", "textures", "teacher", "names", "Images"}


@pytest.fixture
def site_of(tiny_inputs):
    return lambda stage: StageSite(stage, tiny_inputs, find_kind("miniature"), "cpu")


@pytest.fixture
def sites(lay, site_of):
    """The sites of the stages of some cells by kind, those alike together."""

    def sites(*arguments, **options):
        found = {}
        for stage in lay(*arguments, **options)[1].stages.values():
            found.setdefault(stage.kind, []).append(site_of(stage))
        return found

    return sites


def test_a_step_gets_what_it_declares(sites, tiny_inputs):
    (site,) = sites(("none",))["student"]
    ref = tiny_inputs.categories["bottle"]
    assert (site.category, site.device) == ("bottle", "cpu")
    assert site["images"].train.shape == (ref.train, 32, 32, 3)
    assert site["images"].test.shape == (ref.test, 32, 32, 3)
    assert site["images"].train.dtype == site["textures"].dtype == np.uint8
    assert site["textures"].shape[1:] == (32, 32, 3)
    trunk = site["teacher"]
    assert not trunk.training
    assert not any(parameter.requires_grad for parameter in trunk.parameters())


def test_a_site_knows_the_digests_of_what_was_read(sites, tiny_inputs):
    (site,) = sites(("none",))["student"]
    site["images"], site["teacher"], site["rotation"]
    (teacher,) = tiny_inputs.backbones.values()
    category = tiny_inputs.categories["bottle"]
    assert site.read == {
        "images": seal_digest(category.path),
        "teacher": seal_digest(teacher.path.parent),
    }


def test_images_tell_neither_masks_nor_names(sites):
    (site,) = sites(("none",))["maps"]
    assert {field.name for field in dataclasses.fields(site["images"])} == {"train", "test"}


def test_a_step_gets_nothing_that_it_does_not_declare(sites):
    declared = {
        "student": {"images", "rotation", "textures", "teacher"},
        "segmentation": {"images", "rotation", "textures", "teacher"},
        "maps": {"images", "teacher"},
        "evaluation": {"masks"},
    }
    found = sites(("seg",))
    assert found.keys() == declared.keys()
    for kind, (site,) in found.items():
        for name in EVERYTHING - declared[kind]:
            with pytest.raises(UndeclaredRead, match=rf"{kind!r} reads {name!r}.*; add it there"):
                site[name]
        for name in declared[kind]:
            assert site[name] is not None


def test_the_evaluation_sees_the_ground_truth(sites, tiny_inputs):
    masks = sites(("seg",))["evaluation"][0]["masks"]
    assert masks.shape == (tiny_inputs.categories["bottle"].test, 32, 32)
    assert masks.dtype == bool
    assert masks.any()


def test_rotation_is_the_categorys_or_none(sites):
    for rotation, expected in {"paper": (True, 5.0), "none": (False, 0.0)}.items():
        (site,) = sites(("none",), dataset={"rotation": rotation})["student"]
        given = site["rotation"]
        assert (given.quarter_turns, given.degrees) == expected


def test_random_streams_belong_to_category_seed_and_stage_only(sites):
    """Variants share data order, anomalies and weights; stages, categories and seeds do not."""
    found = sites(ABLATION, categories=("bottle", "tile"), seeds=(0, 1))
    seeds = {
        (kind, site.category, site._stage.seed, stream): site.seed(stream)
        for kind in ("student", "segmentation")
        for site in found[kind]
        for stream in ("data", "weights")
    }
    assert len(seeds) == len(set(seeds.values())) == 2 * 2 * 2 * 2
    for (kind, category, seed, stream), value in seeds.items():
        expected = derive_seed(category=category, stage=kind, stream=stream, seed=seed)
        assert value == expected
    for kind in ("student", "segmentation"):
        assert all(
            site.seed("data") == seeds[kind, site.category, site._stage.seed, "data"]
            for site in found[kind]
        )


def test_the_stream_of_an_ancestor_is_the_ancestors(sites):
    found = sites(("seg",))
    (segmentation,), (student,) = found["segmentation"], found["student"]
    ancestor = segmentation._stage.step.student
    assert segmentation.seed("data", ancestor) == student.seed("data")
    assert segmentation.seed("data") != student.seed("data")


def test_a_step_that_is_not_seeded_gets_no_seed(sites):
    found = sites(("seg",))
    for kind in ("maps", "evaluation"):
        (site,) = found[kind]
        with pytest.raises(UndeclaredRead, match=f"{kind!r} asks for a seed and is not seeded"):
            site.seed("data")
    (student,) = found["student"]
    (maps,) = found["maps"]
    with pytest.raises(UndeclaredRead, match="not seeded"):
        student.seed("data", maps._stage.step)
    with pytest.raises(UndeclaredRead, match="not seeded"):
        maps.seed("data", student._stage.step)


def test_a_step_of_no_category_has_streams_of_none(sites, with_codebook):
    found = sites(("",), method="codebook", categories=("bottle", "tile"))
    (codes,) = found["codebook.codes"]
    assert codes.category == ""
    assert codes.seed("codes") == derive_seed(stage="codebook.codes", stream="codes", seed=0)
    with pytest.raises(UndeclaredRead, match=r"'images'.*its reads, textures"):
        codes["images"]
    assert [site.category for site in found["codebook.maps"]] == ["bottle", "tile"]
