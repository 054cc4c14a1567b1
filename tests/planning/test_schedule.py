import itertools
import random
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.experiment.experiment import Experiment, GridConfig
from bench.experiment.grid import Grid
from bench.methods.destseg import METHOD, Config
from bench.planning.schedule import Schedule, simulate
from bench.planning.stages import plan

CATEGORIES = ("bottle", "tile")
INPUTS = SimpleNamespace(
    categories={name: SimpleNamespace(digest=name) for name in CATEGORIES},
    textures=SimpleNamespace(digest="textures"),
    backbones={("procedural", 64): SimpleNamespace(digest="teacher")},
)
VARIANTS = {"DeSTSeg": METHOD.design}
EXPERIMENT = Experiment("test", GridConfig(VARIANTS), {"DeSTSeg": Config()})
PLAN = plan(EXPERIMENT, Grid(CATEGORIES, VARIANTS, (0, 1)).cells(), INPUTS)
ORDER = list(PLAN.stages)


def schedule(*done):
    return Schedule(PLAN, set(done).__contains__)


def kinds(stages):
    return [stage.kind for stage in stages]


def drain(todo):
    """Compute everything, one stage at a time."""
    order = []
    while (stage := todo.next()) is not None:
        order.append(stage.key)
        todo.finish(stage.key)
    return order


def test_one_worker_goes_through_the_plan_in_order():
    assert drain(schedule()) == ORDER


def test_idle_workers_get_the_next_students():
    todo = schedule()
    first = [todo.next() for _ in range(3)]
    assert kinds(first) == ["student"] * 3
    todo.finish(first[1].key)
    following = [todo.next(), todo.next()]
    assert kinds(following) == ["maps", "segmentation"]
    assert all(first[1] in stage.parents for stage in following)


def test_nothing_is_ready_while_all_of_it_waits():
    todo = schedule()
    handed = list(iter(todo.next, None))
    assert kinds(handed) == ["student"] * 16
    assert len(todo.pending) == len(ORDER)


@given(st.randoms(use_true_random=False), st.integers(1, 40))
def test_in_any_order_each_stage_runs_once_after_its_parents(chance, workers):
    todo = schedule()
    running, finished = [], set()
    handed = []
    while True:
        while len(running) < workers and (stage := todo.next()) is not None:
            assert finished.issuperset(parent.key for parent in stage.parents)
            running.append(stage)
            handed.append(stage.key)
        if not running:
            break
        stage = running.pop(chance.randrange(len(running)))
        todo.finish(stage.key)
        finished.add(stage.key)
    assert sorted(handed) == sorted(ORDER)
    assert todo.pending == ()


def test_what_is_there_is_not_handed_out_and_what_only_it_needs_neither():
    evaluations = [stage.key for stage in PLAN.evaluations.values()]
    assert drain(schedule(*evaluations)) == []
    first = PLAN.stages[ORDER[0]]
    todo = schedule(*(key for key in evaluations if key != ORDER[2]), ORDER[1])
    assert drain(todo) == [ORDER[2]], "the maps are there: no student is needed"
    assert first.kind == "student"


def test_a_failure_gives_up_its_descendants_alone():
    todo = schedule()
    student = todo.next()
    given_up = todo.fail(student.key)
    assert sorted(kinds(given_up)) == sorted(
        ["student", "maps", "evaluation", "segmentation", "maps", "evaluation"]
    )
    assert drain(todo) == ORDER[6:]
    assert todo.fail(student.key) == (), "once is enough"


def test_a_failed_segmentation_net_leaves_the_student_its_maps():
    todo = schedule()
    keys = ORDER[:6]
    todo.next()
    todo.finish(keys[0])
    handed = {stage.kind: stage for stage in (todo.next(), todo.next())}
    given_up = todo.fail(handed["segmentation"].key)
    assert kinds(given_up).count("maps") == kinds(given_up).count("evaluation") == 1
    todo.finish(handed["maps"].key)
    assert drain(todo) == [keys[2], *ORDER[6:]]


def test_a_lost_parent_is_computed_again_with_what_it_needs():
    done = ORDER[:4]
    todo = schedule(*done)
    asks = todo.next()
    assert asks.kind == "maps"
    todo.lose(ORDER[3], asks.key)
    again = todo.next()
    assert again.key == ORDER[3]
    todo.lose(ORDER[0], again.key)
    assert todo.next().key == ORDER[0]
    todo.finish(ORDER[0])
    assert drain(todo) == [ORDER[3], ORDER[4], ORDER[5], *ORDER[6:]]


def test_two_that_find_the_same_result_gone_lose_it_once():
    todo = schedule(ORDER[0])
    finders = [todo.next(), todo.next()]
    assert kinds(finders) == ["maps", "segmentation"]
    assert todo.lose(ORDER[0], finders[0].key)
    assert not todo.lose(ORDER[0], finders[1].key)
    assert drain(todo) == ORDER


def test_a_loss_that_cannot_be_made_good_is_a_failure():
    # Only the second maps are missing. Both networks turn out to be gone, and the student fails.
    student, _, _, segmentation, maps, evaluation = ORDER[:6]
    todo = schedule(*(key for key in ORDER if key not in (maps, evaluation)))
    assert todo.next().key == maps
    assert todo.lose(student, maps)
    assert todo.next().key == student
    assert len(todo.fail(student)) == 3
    assert not todo.pending
    todo = schedule(*(key for key in ORDER if key not in (maps, evaluation)))
    todo.next()
    todo.lose(segmentation, maps)
    assert todo.next().key == segmentation
    assert todo.lose(student, segmentation)
    todo.next()
    lost = [stage.key for stage in todo.fail(student)]
    assert lost == [student, segmentation, maps, evaluation]


# Simulation


def test_one_worker_takes_the_sum():
    forecast = simulate(PLAN, lambda stage: 2.0, 1)
    assert forecast.stages == len(ORDER)
    assert forecast.work == forecast.makespan == 2.0 * len(ORDER)
    assert forecast.efficiency == 1.0


def test_workers_without_end_take_the_longest_path():
    times = {"student": 5.0, "segmentation": 7.0, "maps": 2.0, "evaluation": 1.0}
    forecast = simulate(PLAN, lambda stage: times[stage.kind], 1000)
    assert forecast.makespan == 5 + 7 + 2 + 1


def test_nothing_to_do_takes_no_time():
    evaluations = [stage.key for stage in PLAN.evaluations.values()]
    forecast = simulate(PLAN, lambda stage: 1.0, 4, evaluations)
    assert (forecast.stages, forecast.makespan, forecast.efficiency) == (0, 0.0, 1.0)


@pytest.mark.parametrize("workers", [1, 2, 3, 7, 16])
def test_a_forecast_lies_between_the_bounds(workers):
    chance = random.Random(0)
    times = {key: chance.uniform(1, 9) for key in ORDER}
    forecast = simulate(PLAN, lambda stage: times[stage.key], workers)
    work = sum(times.values())
    path = max(
        sum(times[stage.key] for stage in set(evaluation.lineage()))
        for evaluation in PLAN.evaluations.values()
    )
    assert forecast.work == pytest.approx(work)
    # Graham's bounds on any schedule that leaves no worker idle while something is ready.
    assert max(work / workers, path) - 1e-9 <= forecast.makespan <= work / workers + path


def test_more_workers_are_faster():
    spans = [simulate(PLAN, lambda stage: 1.0, size).makespan for size in (1, 2, 4, 8)]
    assert all(later < earlier for earlier, later in itertools.pairwise(spans))
