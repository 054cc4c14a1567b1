from collections import Counter

from bench.experiment.grid import Grid
from bench.inspection.census import mixed_environments, take_census
from bench.store.runs import Failure
from tests.inspection.conftest import VARIANTS
from tests.inspection.inspected import PROVENANCE, fill, of_kind, record_of


def by_kind(census):
    return {kind: dict(states) for kind, states in census.counts(lambda stage: stage.kind).items()}


def failure(stage):
    return Failure(stage.key, stage.kind, stage.category, stage.seed, "raised", "no luck")


def test_all_is_done(filled, store):
    census = take_census(filled, store)
    assert census.complete
    assert set(census.states.values()) == {"done"}
    assert len(census.done) == len(filled.stages)
    assert census.in_state("missing", "stale") == ()


def test_nothing_is_there(lay, store):
    census = take_census(lay(), store)
    assert not census.complete
    assert set(census.states.values()) == {"missing"}
    assert not store.root.exists()


def test_what_changed_is_stale_and_what_is_new_is_missing(filled, store, lay):
    grid = Grid(("bottle", "tile"), {"DeSTSeg": VARIANTS}, (0, 2))
    census = take_census(lay(grid=grid, protocol={"top_t": 3}), store)
    assert by_kind(census) == {
        "student": {"done": 4, "missing": 4},
        "maps": {"done": 6, "missing": 6},
        "evaluation": {"stale": 6, "missing": 6},
        "segmentation": {"done": 2, "missing": 2},
    }


def cells_of(folder, stages):
    """A results folder whose cells are of some evaluations."""
    folder.mkdir(parents=True)
    (folder / "cells.csv").write_text("\n".join(["key", *(stage.key for stage in stages)]))


def test_what_another_experiments_results_came_from_is_nothing_stale(filled, store, lay, of_code):
    root = store.root.parent
    evaluations = of_kind(filled, "evaluation")
    wanted, own = lay(student_lr=0.5), root / "mine"
    stale = by_kind(take_census(wanted, store, own))
    assert all("stale" in states for states in stale.values())
    cells_of(root / "smoke", evaluations)
    theirs = take_census(wanted, store, own)
    assert set(theirs.states.values()) == {"missing"}
    renewed = of_code(lambda: take_census(lay(), store, own), maps=99)
    assert renewed.in_state("stale"), "only the code differs: it can be taken over"
    cells_of(root / "mine-part", evaluations)
    assert by_kind(take_census(wanted, store, own)) == stale
    (root / "smoke" / "cells.csv").write_text("damaged")
    (root / "mine-part" / "cells.csv").unlink()
    assert by_kind(take_census(wanted, store, own)) == stale


def test_a_failure_counts_where_nothing_was_done_since(filled, store):
    stages = of_kind(filled, "evaluation")
    store.discard(stages[0].key)
    store.fail(failure(stages[0]))
    store.fail(failure(stages[1]))
    census = take_census(filled, store)
    assert census.in_state("failed") == (stages[0],)
    assert list(census.failures) == [stages[0].key]
    assert not census.complete


def test_what_is_gone_and_nobody_lacks_is_not_needed(filled, store):
    student = of_kind(filled, "student")[0]
    store.remove(student.key)
    census = take_census(filled, store)
    assert census.in_state("not needed") == (student,)
    assert census.complete


def test_a_damaged_record_is_told_apart(filled, store):
    stage = of_kind(filled, "evaluation")[0]
    (store.folder(stage.key) / "record.json").write_text("{}")
    census = take_census(filled, store)
    assert census.in_state("damaged") == (stage,)


def test_environments_are_told_apart_part_by_part(filled, store, lay):
    (one, two, three, *_) = filled.stages.values()
    records = [
        record_of(one, provenance={"commit": "a", "threads": 1, "torch": "2"}),
        record_of(two, provenance={"commit": "b", "threads": 1, "torch": "2", "changes": "x"}),
        record_of(three, provenance={"commit": "b", "threads": 1, "torch": "2"}),
    ]
    assert mixed_environments(records) == {
        "commit": Counter(b=2, a=1),
        "changes": Counter({"not recorded": 2, "x": 1}),
    }
    assert mixed_environments(take_census(filled, store).done) == {}
    elsewhere = {**PROVENANCE, "device": "cuda", "determinism": "cudnn deterministic"}
    fill(store, of_kind(filled, "evaluation"), provenance=elsewhere)
    assert mixed_environments(take_census(filled, store).done) == {}, "they use no device"
    fill(store, of_kind(filled, "maps")[:1], provenance={"device": "cuda"})
    assert set(mixed_environments(take_census(filled, store).done)) == {"commit", "device"}
