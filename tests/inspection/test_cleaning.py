import dataclasses
import os
import time

import pytest

from bench.inspection.catalogue import read_catalogue
from bench.inspection.cleaning import known_experiments, leftovers, megabytes, sort_records
from bench.planning.experiment_plan import sketch
from bench.planning.inputs import Sources
from destseg.errors import InputError
from tests.inspection.inspected import INPUTS, fill, of_kind, record_of


@pytest.fixture
def blueprint(tiny, lay):
    """Lay the tiny experiment out as somebody who knows its inputs, or some of them."""

    def blueprint(inputs=INPUTS, kind="miniature", **changes):
        dataset = dataclasses.replace(tiny.dataset, kind=kind)
        experiment = dataclasses.replace(tiny, dataset=dataset)
        laid = lay(inputs=inputs, **changes)
        return dataclasses.replace(sketch(experiment), inputs=inputs, plan=laid)

    return blueprint


def sizes(store, *blueprints):
    found = sort_records(read_catalogue(store), blueprints)
    return {name: len(records) for name, records in vars(found).items() if records}


def test_what_an_experiment_refers_to_is_kept(filled, store, blueprint):
    assert sizes(store, blueprint()) == {"referred": len(filled.tasks)}
    assert sizes(store, blueprint(gamma=2.0), blueprint()) == {"referred": len(filled.tasks)}


def test_what_none_refers_to_is_found(filled, store, blueprint):
    found = sort_records(read_catalogue(store), [blueprint(gamma=2.0)])
    assert not found.unjudged
    lost = {record.key for record in found.unreferred}
    segmentation = {task.stage.key for task in of_kind(filled, "segmentation")}
    assert len(lost) == 3 * len(segmentation)
    assert segmentation < lost


def test_old_code_is_not_referred_to(store, lay, of_code, blueprint):
    of_code(lambda: fill(store, lay().tasks.values()), student=1)
    assert sizes(store, blueprint()) == {"unreferred": len(lay().tasks)}


@pytest.mark.parametrize("name", ["teacher", "textures", "categories"])
def test_what_was_made_of_other_inputs_cannot_be_judged(filled, store, blueprint, name):
    other = {
        "teacher": dataclasses.replace(INPUTS.teacher, digest="other"),
        "textures": dataclasses.replace(INPUTS.textures, digest="other"),
        "categories": {
            key: dataclasses.replace(ref, digest="other") for key, ref in INPUTS.categories.items()
        },
    }[name]
    inputs = dataclasses.replace(INPUTS, **{name: other})
    assert sizes(store, blueprint(inputs)) == {"unjudged": len(filled.tasks)}


def test_an_experiment_without_its_inputs_keeps_what_may_be_its_own(filled, store, blueprint, tiny):
    """Another experiment knows the same images, teacher and textures, so that they are judged."""
    other = blueprint(student_lr=0.7)
    blank = sketch(tiny)
    assert sizes(store, other) == {"unreferred": len(filled.tasks)}
    assert sizes(store, other, blank) == {"referred": len(filled.tasks)}
    # Those of a folder that is not given cannot be the miniature's.
    dataset = dataclasses.replace(tiny.dataset, kind="mvtec")
    elsewhere = sketch(dataclasses.replace(tiny, dataset=dataset))
    assert sizes(store, other, elsewhere) == {"unreferred": len(filled.tasks)}


def test_without_its_ancestors_a_record_cannot_be_judged(filled, store, blueprint):
    store.remove(of_kind(filled, "student")[0].stage.key)
    found = sort_records(read_catalogue(store), [blueprint(student_lr=0.7)])
    assert {record.kind for record in found.unjudged} == {"maps", "evaluation"}


def test_other_methods_maps_are_kept_apart(filled, store, blueprint):
    task = of_kind(filled, "evaluation")[0]
    parameters = {**task.stage.parameters, "maps": "digest"}
    store.put(record_of(task, key="0" * 64, parents=(), parameters=parameters))
    assert sizes(store, blueprint())["scored"] == 1


def test_megabytes_are_those_of_all_files(filled, store):
    records = read_catalogue(store).records.values()
    files = [path for path in store.root.rglob("*") if path.is_file()]
    assert megabytes(store, records) == sum(path.stat().st_size for path in files) / 1e6


def test_leftovers_are_old_and_temporary(tmp_path):
    names = ("a/.record.json.x1.part", "a/.new.part", "a/mine.part", "record.json")
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("x")
    old = time.time() - 25 * 3600
    for name in (names[0], names[2], names[3]):
        os.utime(tmp_path / name, (old, old))
    assert leftovers(tmp_path) == (tmp_path / names[0],)
    assert leftovers(tmp_path / "nowhere") == ()


def test_experiments_are_laid_out_in_every_way_they_run_in_here(
    tiny_file, tiny_inputs, shared_cache
):
    sources = Sources(None, None, shared_cache)
    ready, blank = known_experiments([tiny_file, tiny_file], sources)
    assert ready.inputs == tiny_inputs
    assert ready.unprepared == ()
    assert blank.experiment.dataset.kind == "mvtec"
    assert set(blank.unprepared) >= {"bottle", "tile"}
    assert len(ready.plan.evaluations) == 32


def test_an_experiment_at_fault_here_is_laid_out_without_inputs(tiny_file, shared_cache, tmp_path):
    sources = Sources(tmp_path / "nowhere", tmp_path / "nowhere", shared_cache)
    found = known_experiments([tiny_file], sources, "nowhere.pth")
    assert len(found) == 2 * 2 * 2
    assert any("bottle" in laid.unprepared and "teacher" in laid.unprepared for laid in found)


def test_a_file_that_is_no_experiment_ends_it(tmp_path, shared_cache):
    (tmp_path / "bad.toml").write_text("titel = 1")
    with pytest.raises(InputError, match="titel"):
        known_experiments([tmp_path / "bad.toml"], Sources(None, None, shared_cache))
