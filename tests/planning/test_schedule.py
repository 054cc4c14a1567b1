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


STUDENTS, NETS, MAPS = ORDER[:4], ORDER[4:8], ORDER[8:16]
"""Of the first category and seed; its evaluations follow."""


def schedule(*done, workers=1, beside=0):
    return Schedule(PLAN, set(done).__contains__, workers, beside)


def kinds(stages):
    return [stage.kind for stage in stages]


def keys(stages):
    return [stage.key for stage in stages]


def drain(todo):
    """Compute everything, one job after the other."""
    order = []
    while together := todo.next():
        for stage in together:
            order.append(stage.key)
            todo.finish(stage.key)
    return order


def test_one_worker_goes_through_the_plan_in_order():
    assert drain(schedule()) == ORDER


def test_what_shares_a_stream_is_handed_out_together():
    todo = schedule()
    assert keys(todo.next()) == STUDENTS
    (second,) = {(stage.category, stage.seed) for stage in todo.next()}
    assert second == ("tile", 0)
    for key in STUDENTS:
        todo.finish(key)
    assert keys(todo.next()) == NETS
    assert set(kinds(todo.next())) == {"maps"}, "those that need no segmentation net"


@pytest.mark.parametrize(
    ("workers", "sizes"),
    [(1, [4] * 4), (2, [3, 1] * 4), (3, [2] * 8), (6, [1] * 16), (99, [1] * 16)],
)
def test_few_families_are_shared_by_the_workers(workers, sizes):
    """Two categories with two seeds each."""
    todo = schedule(workers=workers)
    assert [len(together) for together in iter(todo.next, ())] == sizes


def test_of_many_families_the_last_alone_is_shared():
    laid = plan(EXPERIMENT, Grid(CATEGORIES, VARIANTS, tuple(range(10))).cells(), INPUTS)
    todo = Schedule(laid, lambda _: False, workers=2)
    sizes = []
    while together := todo.next():
        sizes += [len(together)] * (together[0].kind == "segmentation")
        for stage in together:
            todo.finish(stage.key)
    assert sizes == [4] * 19 + [2, 1, 1]


def test_what_failed_together_is_tried_by_itself():
    todo = schedule()
    for stage in todo.next():
        todo.part(stage.key)
    again = [todo.next() for _ in STUDENTS]
    assert [keys(each) for each in again] == [[key] for key in STUDENTS]
    for key in STUDENTS:
        todo.finish(key)
    assert keys(todo.next()) == NETS, "what follows is computed together"


def test_of_a_group_that_is_there_in_part_the_others_are_computed_together():
    todo = schedule(*STUDENTS[1:3])
    assert keys(todo.next()) == [STUDENTS[0], STUDENTS[3]]


def test_nothing_is_ready_while_all_of_it_waits():
    todo = schedule(workers=1000)
    handed = list(iter(todo.next, ()))
    assert kinds(each for (each,) in handed) == ["student"] * 16
    assert len(todo.pending) == len(ORDER)


@given(st.randoms(use_true_random=False), st.integers(1, 40), st.integers(0, 3))
def test_in_any_order_each_stage_runs_once_after_its_parents(chance, workers, beside):
    todo = schedule(workers=workers, beside=beside)
    running, finished = [], set()
    handed = []
    while True:
        for others, size in ((False, workers), (True, beside)):
            free = size - sum(place is others for place, _ in running)
            while free and (together := todo.next(beside=others)):
                free -= 1
                for stage in together:
                    assert finished.issuperset(parent.key for parent in stage.parents)
                    assert stage.group == together[0].group
                    assert (beside > 0 and not stage.on_device) == others
                    handed.append(stage.key)
                running.append((others, together))
        if not running:
            break
        _, together = running.pop(chance.randrange(len(running)))
        for stage in together:
            todo.finish(stage.key)
            finished.add(stage.key)
    assert sorted(handed) == sorted(ORDER)
    assert todo.pending == ()


def descendants(*of):
    """Keys of stages and of all that is computed from them, in the plan's order."""
    found = set(of)
    for key, stage in PLAN.stages.items():
        if any(parent.key in found for parent in stage.parents):
            found.add(key)
    return [key for key in ORDER if key in found]


def without(*lost):
    return [key for key in ORDER if key not in lost]


def test_what_is_there_is_not_handed_out_and_what_only_it_needs_neither():
    evaluations = [stage.key for stage in PLAN.evaluations.values()]
    assert drain(schedule(*evaluations)) == []
    last = ORDER[16]
    (maps,) = PLAN.stages[last].parents
    todo = schedule(*(key for key in evaluations if key != last), maps.key)
    assert drain(todo) == [last], "the maps are there: no student is needed"


def test_a_failure_gives_up_its_descendants_alone():
    todo = schedule()
    together = todo.next()
    given_up = todo.fail(STUDENTS[1])
    assert sorted(keys(given_up)) == sorted(descendants(STUDENTS[1]))
    assert sorted(kinds(given_up)) == sorted(
        ["student", "maps", "evaluation", "segmentation", "maps", "evaluation"]
    )
    for stage in together:
        if stage.key != STUDENTS[1]:
            todo.finish(stage.key)
    assert drain(todo) == without(*STUDENTS, *descendants(STUDENTS[1]))
    assert todo.fail(STUDENTS[1]) == (), "once is enough"


def test_a_failed_segmentation_net_leaves_the_student_its_maps():
    todo = schedule()
    for stage in todo.next():
        todo.finish(stage.key)
    nets = todo.next()
    given_up = todo.fail(NETS[0])
    assert kinds(given_up) == ["segmentation", "maps", "evaluation"]
    for stage in nets[1:]:
        todo.finish(stage.key)
    assert drain(todo) == without(*STUDENTS, *NETS, *descendants(NETS[0]))


def test_a_lost_parent_is_computed_again_with_what_it_needs():
    first_maps = [key for key in MAPS if PLAN.stages[key].parents[0].key == STUDENTS[0]]
    with_net = next(key for key in first_maps if len(PLAN.stages[key].parents) == 2)
    done = without(with_net, *descendants(with_net))
    todo = schedule(*done)
    assert keys(todo.next()) == [with_net]
    todo.lose(NETS[0], with_net)
    assert keys(todo.next()) == [NETS[0]]
    todo.lose(STUDENTS[0], NETS[0])
    assert keys(todo.next()) == [STUDENTS[0]]
    todo.finish(STUDENTS[0])
    assert drain(todo) == [NETS[0], *descendants(with_net)]


def test_two_that_find_the_same_result_gone_lose_it_once():
    todo = schedule(*STUDENTS)
    nets, maps = todo.next(), todo.next()
    finders = nets[0].key, next(m.key for m in maps if m.parents[0].key == STUDENTS[0])
    assert todo.lose(STUDENTS[0], finders[0])
    assert not todo.lose(STUDENTS[0], finders[1])
    assert keys(todo.next()) == [STUDENTS[0]]


def test_a_loss_that_cannot_be_made_good_is_a_failure():
    # Only the first maps with seg are missing. Both networks turn out to be gone, and the student
    # fails.
    maps = next(key for key in MAPS if len(PLAN.stages[key].parents) == 2)
    student, net = (parent.key for parent in PLAN.stages[maps].parents)
    todo = schedule(*without(*descendants(maps)))
    assert keys(todo.next()) == [maps]
    assert todo.lose(student, maps)
    assert keys(todo.next()) == [student]
    assert len(todo.fail(student)) == 3
    assert not todo.pending
    todo = schedule(*without(*descendants(maps)))
    todo.next()
    todo.lose(net, maps)
    assert keys(todo.next()) == [net]
    assert todo.lose(student, net)
    todo.next()
    assert keys(todo.fail(student)) == [student, net, *descendants(maps)]


# Workers beside those of accelerators


EVALUATIONS = [stage.key for stage in PLAN.evaluations.values()]


def test_those_beside_take_what_needs_no_accelerator_and_only_that():
    todo = schedule(*MAPS[:1], *STUDENTS[:1], beside=1)
    (waiting,) = (key for key in EVALUATIONS if PLAN.stages[key].parents[0].key == MAPS[0])
    assert keys(todo.next(beside=True)) == [waiting]
    assert todo.next(beside=True) == ()
    assert keys(todo.next()) == STUDENTS[1:]
    for key in (waiting, *STUDENTS[1:]):
        todo.finish(key)
    assert todo.next(beside=True) == ()
    assert not set(drain(todo)) & set(EVALUATIONS), "the workers leave them"
    assert sorted(todo.next(beside=True)[0].key for _ in EVALUATIONS[1:]) == sorted(
        key for key in EVALUATIONS if key != waiting
    )
    assert todo.next(beside=True) == ()


@pytest.mark.parametrize("beside", [0, 4])
def test_families_that_only_lack_evaluations_do_not_count_for_the_accelerators(beside):
    of_seed_1 = [key for key in ORDER if PLAN.stages[key].seed == 1 and key not in EVALUATIONS]
    todo = schedule(*of_seed_1, workers=2, beside=beside)
    handed = [kinds(together) for together in iter(todo.next, ())]
    sizes = [len(together) for together in handed if together[0] == "student"]
    assert sizes == ([2, 2] * 2 if beside else [3, 1] * 2)


def test_what_those_beside_lost_failed_or_could_not_do_together_is_handed_out_anew():
    first, second = (key for key in EVALUATIONS[:2])
    maps = PLAN.stages[first].parents[0].key
    todo = schedule(*without(first, second), beside=2)
    assert [keys(todo.next(beside=True)) for _ in range(3)] == [[first], [second], []]
    todo.part(second)
    assert keys(todo.next(beside=True)) == [second]
    assert keys(todo.fail(second)) == [second]
    assert todo.lose(maps, first)
    assert todo.next(beside=True) == ()
    assert keys(todo.next()) == [maps]
    todo.finish(maps)
    assert keys(todo.next(beside=True)) == [first]


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


def test_what_needs_no_accelerator_costs_it_no_time():
    times = {"student": 5.0, "segmentation": 7.0, "maps": 2.0, "evaluation": 1.0}
    seconds = [times[stage.kind] for stage in PLAN.stages.values()]
    forecast = simulate(PLAN, lambda stage: times[stage.kind], 1, beside=1)
    assert (forecast.stages, forecast.work) == (len(ORDER), sum(seconds))
    assert forecast.beside == len(EVALUATIONS) * 1.0
    assert forecast.makespan == sum(seconds) - forecast.beside + 8.0, "of the last maps"
    assert forecast.efficiency == (sum(seconds) - forecast.beside) / forecast.makespan


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
    # What is computed together is longer than its parts, and no worker has less of it.
    path = max(path, sum(sorted(times.values())[-16:]))
    assert work / workers - 1e-9 <= forecast.makespan <= work / workers + path


def test_more_workers_are_faster():
    spans = [simulate(PLAN, lambda stage: 1.0, size).makespan for size in (1, 2, 4, 8)]
    assert all(later < earlier for earlier, later in itertools.pairwise(spans))
