import hashlib

import pytest

from bench.inspection.acceptance import accept, acceptable
from bench.inspection.catalogue import has_todays_key
from bench.inspection.census import take_census
from bench.store.runs import DamagedArtifact
from destseg.errors import InputError
from tests.inspection.inspected import fill, of_kind


@pytest.fixture
def old(store, lay, of_code):
    """Everything, made by an earlier code of the students."""

    def make():
        laid = lay()
        fill(store, laid.stages.values())
        return laid

    return of_code(make, student=1)


@pytest.fixture
def chosen(old, store, lay):
    """What can be taken over of it."""
    return acceptable(take_census(lay(), store))


def test_everything_that_only_code_makes_stale_is_taken_over(old, store, lay):
    laid = lay()
    chosen = acceptable(take_census(laid, store))
    assert [item.stage for item in chosen] == list(laid.stages.values())
    assert {item.record.code for item in chosen if item.stage.kind == "student"} == {1}
    assert accept(chosen, store, " renamed a variable ") == (len(laid.stages), ())
    census = take_census(laid, store)
    assert census.complete
    assert set(old.stages) <= set(census.catalogue.records), "the old ones stay"
    for item in chosen:
        record = store.get(item.stage.key)
        assert record.accepted["from"] == item.record.key
        assert record.accepted["reason"] == "renamed a variable"
        assert record.accepted["when"]
        assert len(record.accepted["commit"]) == 40
        assert has_todays_key(record)
        assert (record.code, record.category) == (item.stage.code, item.stage.category)
        assert record.metrics == item.record.metrics
        assert record.provenance == item.record.provenance
        if record.artifact is not None:
            assert store.artifact(record) == store.artifact(item.record)
            paths = [store.folder(key) / record.artifact for key in (record.key, item.record.key)]
            assert paths[0].samefile(paths[1]), "linked, not copied"
    assert not list(store.root.rglob("*.part"))
    assert acceptable(census) == ()


def test_a_changed_setting_is_not_taken_over(old, store, lay):
    found = acceptable(take_census(lay(gamma=2.0), store))
    assert {item.stage.kind for item in found} == {"student", "maps", "evaluation"}
    assert not any(item.stage.parameters.get("seg") for item in found)
    assert acceptable(take_census(lay(student_lr=0.7), store)) == ()


def test_what_has_a_record_is_left_alone(old, store, lay):
    laid = lay()
    students = of_kind(laid, "student")
    fill(store, students)
    found = acceptable(take_census(laid, store))
    assert [item.stage for item in found] == [
        stage for stage in laid.stages.values() if stage not in students
    ]


def test_a_damaged_artifact_is_not_taken_over(chosen, store):
    (store.folder(chosen[0].record.key) / "artifact").write_bytes(b"flipped")
    count, (fault,) = accept(chosen, store, "as before")
    assert count == len(chosen) - 1
    assert "not what its record says" in fault
    assert store.get(chosen[0].stage.key) is None


def test_what_lies_under_the_new_name_is_replaced(chosen, store):
    chosen = chosen[:1]
    folder = store.folder(chosen[0].stage.key)
    folder.mkdir(parents=True)
    (folder / "artifact").write_bytes(b"of an earlier attempt")
    accept(chosen, store, "as before")
    (folder / "record.json").unlink()
    accept(chosen, store, "as before")
    record = store.get(chosen[0].stage.key)
    assert hashlib.sha256(store.artifact(record)).hexdigest() == record.digest
    assert not list(store.root.rglob("*.part"))


def test_without_links_the_artifact_is_copied(chosen, store, lay, monkeypatch):
    def refuse(*_):
        raise PermissionError

    monkeypatch.setattr("os.link", refuse)
    accept(chosen, store, "as before")
    assert take_census(lay(), store).complete
    (store.folder(chosen[0].record.key) / "artifact").unlink()
    assert store.artifact(store.get(chosen[0].stage.key))
    with pytest.raises(DamagedArtifact):
        store.artifact(chosen[0].record)


@pytest.mark.parametrize("reason", ["", "  \n"])
def test_an_empty_reason_is_refused(chosen, store, reason):
    with pytest.raises(InputError, match="--reason"):
        accept(chosen, store, reason)
    assert store.get(chosen[0].stage.key) is None
