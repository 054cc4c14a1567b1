"""The paper's grid keeps 32 workers busy: the real schedule, with durations of realistic shares."""

from pathlib import Path

import pytest

from bench.experiment.library import find_experiment
from bench.experiment.reading import load_experiment
from bench.inspection.durations import duration
from bench.planning.experiment_plan import sketch
from bench.planning.schedule import simulate
from benchmarks.schedule import main, spread, table
from destseg.errors import InputError

SECONDS = {
    "student": 3300.0,
    "segmentation": 9200.0,
    "maps": 1.2,
    "pixel-nn.maps": 60.0,
    "mean-image.maps": 0.3,
    "evaluation": 0.2,
}
"""Of one CPU core, scaled from the miniature."""


@pytest.fixture(scope="module")
def paper():
    laid = sketch(load_experiment(find_experiment(Path("mvtec")))).plan
    return laid, {key: SECONDS[stage.kind] for key, stage in laid.stages.items()}


@pytest.mark.parametrize("by", [0.0, 1 / 3])
def test_32_workers_are_busy_for_nine_tenths_of_the_time(paper, by):
    plan, seconds = paper
    varied = spread(seconds, by)
    found = simulate(plan, lambda stage: varied[stage.key], 32)
    assert found.stages == 1800 + 15 * 4, "of a floor two for each category"
    assert found.efficiency >= 0.9


def test_a_table_has_a_row_for_each_number_of_workers(paper):
    plan, seconds = paper
    lines = table(plan, seconds, (1, 1000))
    assert lines[2].startswith("| 1 | ")
    assert lines[2].endswith(" | 100.0% |")
    # More workers than there are students: the longest way is the bound, and is met.
    _, _, makespan, bound, _, _ = (part.strip() for part in lines[3].split("|"))
    assert makespan == bound == "3 h 28 min"


def test_cards_leave_the_floors_and_metrics_to_processes_beside_them(paper):
    plan, seconds = paper
    (cards,) = table(plan, seconds, (1,), cards=True)[2:]
    _, _, makespan, bound, busy, _ = (part.strip() for part in cards.split("|"))
    trained = sum(seconds[key] for key, stage in plan.stages.items() if stage.on_device)
    assert (makespan, bound, busy) == (duration(trained), duration(trained), "100.0%")


def test_without_a_store_it_says_what_to_run(tmp_path):
    with pytest.raises(InputError, match="python -m bench reproduce"):
        main(["--runs", str(tmp_path / "runs")])


def test_seconds_that_are_given_need_no_store(tmp_path, capsys):
    given = [f"--seconds={kind}={seconds}" for kind, seconds in SECONDS.items()]
    assert main(["--runs", str(tmp_path / "runs"), *given]) == 0
    assert "segmentation: 300 of 2 h 33 min" in capsys.readouterr().out
