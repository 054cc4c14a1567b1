"""``python -m bench plan``: what would run, and how long it would take."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.commands.experiment_options import add_options, chosen_store, look_up_chosen
from bench.commands.parsers import Commands, add_command, add_wide
from bench.commands.worker_options import beside, places
from bench.common.exit_codes import DONE
from bench.experiment.tables import COSTS
from destseg.application.options import positive
from destseg.errors import counted

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from bench.inspection.durations import Basis
    from bench.inspection.forecasting import Workload
    from bench.planning.experiment_plan import ExperimentPlan

DAY = 24 * 60 * 60
"""In seconds."""

ONE_CELL = (
    "One finished cell gives an estimate: `reproduce` it by --category, --variant and --seed."
)

HELP = """\
Tell what would run, and how long it would take.
That is what `reproduce` would do with the same options. Nothing is written.

examples:
  python -m bench plan
      what `reproduce` would run of the ablation on the miniature
  python -m bench plan experiments/loss.toml --jobs 8
      of another experiment, with 8 worker processes
  python -m bench plan --dataset mvtec --jobs 32
      the paper's setting; without --data MVTec AD's 15 categories are assumed

Times are medians of finished stages in --results; trainings of a few updates, as in smoke, tell
nothing of longer ones.

exit codes: 0 done, 2 bad input or usage
"""


def add_parser(commands: Commands) -> None:
    """Add the command and its options."""
    command = add_command(commands, "plan", HELP, run=run)
    add_options(command)
    command.add_argument(
        "--jobs", type=positive, metavar="N", help="worker processes; default: all cores, or GPUs"
    )
    add_wide(command)


def run(options: argparse.Namespace) -> int:
    """Print the plan; return the exit code."""
    from bench.common.columns import fitted, screen_width
    from bench.common.provenance import device_name
    from bench.inspection.census import take_census
    from bench.inspection.durations import DurationEstimator, duration
    from bench.inspection.forecasting import forecast, workloads
    from destseg.application.devices import choose_device

    device = choose_device(options.device)
    workers = options.jobs or len(places(device))
    laid = look_up_chosen(options, assume=True)
    census = take_census(laid.plan, chosen_store(options))
    estimator = DurationEstimator(census.catalogue.records.values(), device_name(device))
    found = workloads(census, estimator)
    rows = [_row(workload) for workload in found]
    head = ["stage", "planned", "there", "to run", "time of one worker", "estimated from"]
    width = screen_width(wide=options.wide)
    print(fitted(rows, head, width, colalign=("left", *["right"] * 4, "left")))
    if not any(workload.pending for workload in found):
        print("\nnothing to run.")
        return DONE
    others = beside(device, workers)
    expected = forecast(census, estimator, workers, others)
    if expected is None:
        print(f"\nno estimate of the whole: {_unknown(found)}")
        return DONE
    apart = ""
    if expected.beside:
        beside_them = "a process" if others == 1 else f"{others} processes"
        apart = f"; of it {duration(expected.beside)} need no GPU, on {beside_them} beside"
    print(
        f"\n{counted(expected.stages, 'stage')}, {duration(expected.work)} of work; with "
        f"{counted(workers, 'worker')} "
        f"{duration(expected.makespan)}, {expected.efficiency:.1%} busy{apart}."
    )
    print(f"Estimated for {device_name(device)}{_quicker(laid, device, expected.makespan)}.")
    if {*COSTS} & {*laid.experiment.tables}:
        print("At the end costs are measured, each method alone, for some minutes more.")
    return DONE


def _unknown(found: Sequence[Workload]) -> str:
    """Say why there is no estimate, and how to get one."""
    short = [load.kind for load in found if load.pending and load.seconds is None and load.short]
    if short:
        return (
            f"no stage of kind {' or '.join(short)} has trained for long enough to tell. {ONE_CELL}"
        )
    if any(workload.pending and workload.seconds is not None for workload in found):
        return "a kind of stage has never run here."
    return f"nothing has run here. {ONE_CELL}"


def _quicker(laid: ExperimentPlan, device: str, seconds: float) -> str:
    """Say what takes less than days on a CPU."""
    if device != "cpu" or seconds <= DAY:
        return ""
    smaller = ", or experiment mvtec-cpu," if laid.experiment.name == "mvtec" else ""
    return f"; a GPU{smaller} takes far less"


def _row(workload: Workload) -> list[str | int]:
    from bench.inspection.durations import duration

    if not workload.pending:
        time, basis = "", ""
    elif workload.seconds is None:
        time, basis = "no estimate", "too few updates" if workload.short else "none has run"
    else:
        time = duration(workload.seconds)
        words: dict[Basis, str] = {
            "alike": "stages alike",
            "scaled": "other settings, scaled: rough",
            "elsewhere": "another device, scaled: rougher",
        }
        basis = " and ".join(words[name] for name in words if workload.bases.get(name))
    return [workload.kind, workload.planned, workload.there, workload.pending, time, basis]
