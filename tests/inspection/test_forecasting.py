from bench.inspection.census import take_census
from bench.inspection.durations import DurationEstimator
from bench.inspection.forecasting import forecast, workloads
from tests.inspection.inspected import SECONDS, fill


def inspected(laid, store):
    census = take_census(laid, store)
    return census, DurationEstimator(census.catalogue.records.values(), "cpu")


def test_only_what_would_run_is_counted(filled, store, lay):
    laid = lay(protocol={"top_t": 3})
    census, estimator = inspected(laid, store)
    found = {
        load.kind: (load.planned, load.there, load.pending) for load in workloads(census, estimator)
    }
    assert found == {
        "student": (8, 8, 0),
        "segmentation": (4, 4, 0),
        "maps": (12, 12, 0),
        "evaluation": (12, 0, 12),
    }
    expected = forecast(census, estimator, 4)
    assert (expected.stages, expected.work, expected.makespan) == (12, 12.0, 3.0)
    assert expected.efficiency == 1.0


def test_the_whole_from_the_times_of_one_family(lay, store):
    laid = lay()
    family = [
        stage for stage in laid.stages.values() if (stage.category, stage.seed) == ("tile", 1)
    ]
    fill(store, family)
    census, estimator = inspected(laid, store)
    loads = workloads(census, estimator)
    assert [load.kind for load in loads] == ["student", "segmentation", "maps", "evaluation"]
    for load in loads:
        assert load.planned == load.there + load.pending
        assert load.seconds == load.pending * SECONDS[load.kind]
        assert load.bases == {"alike": load.pending}
    assert forecast(census, estimator, 1).makespan == sum(load.seconds for load in loads)


def test_processes_beside_take_what_needs_no_accelerator(lay, store):
    laid = lay()
    fill(store, [*laid.stages.values()][:16])
    census, estimator = inspected(laid, store)
    alone, apart = (forecast(census, estimator, 1, beside) for beside in (0, 2))
    assert (alone.work, alone.beside) == (apart.work, 0.0)
    assert apart.beside > 0
    assert apart.makespan < alone.makespan


def test_without_times_there_is_no_forecast(lay, store):
    census, estimator = inspected(lay(), store)
    assert {load.seconds for load in workloads(census, estimator)} == {None}
    assert forecast(census, estimator, 2) is None
