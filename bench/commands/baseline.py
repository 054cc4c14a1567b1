"""``python -m bench baseline``: declare a run right, so that the gate compares with it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from bench.commands.gate_options import (
    add_baseline,
    add_run_options,
    baseline_file,
    experiment_of,
    measured,
    settings_of,
)
from bench.commands.parsers import Commands, add_command
from bench.common.exit_codes import DONE
from destseg.errors import InputError, counted

if TYPE_CHECKING:
    import argparse

    from bench.regress.baseline import Baseline, Tolerance
    from bench.regress.measured import Measured

HELP = """\
Write the baseline that `regress` compares with.
The same cells give the same file, so that its diff is what is to be reviewed.

examples:
  python -m bench baseline --reason "the student starts from other weights"
      runs the smoke grid and rewrites experiments/baselines/smoke.json; commit the diff
  python -m bench baseline --reason "first release" --experiment mvtec --comparison seeds \\
      --cells results/mvtec/cells.csv --to mvtec.json
      a baseline of real data, out of a finished run, for comparison with new seeds
  python -m bench baseline --reason "release 1" --cells results/score-mine/cells.csv --to gate.json
      of anybody's scores, such as `python -m bench score` writes; it is called after their method
  python -m bench baseline --reason "tolerance measured" --spread avx2=A/cells.csv sse=B/cells.csv
      measure the tolerance anew, over runs of the same code that differ in their arithmetic

exit codes: 0 written, 2 bad input or usage
"""


def add_parser(commands: Commands) -> None:
    """Add the command and its options."""
    command = add_command(commands, "baseline", HELP, run=run)
    add_run_options(command)
    command.add_argument("--reason", required=True, metavar="TEXT", help="why; kept in the file")
    add_baseline(command, "--to")
    command.add_argument(
        "--comparison",
        choices=("records", "seeds"),
        help="same seeds record by record, or new seeds; default: as the file has it, else records",
    )
    command.add_argument(
        "--spread",
        nargs="+",
        metavar="NAME=CSV",
        help="runs to measure the tolerance over; default: the file's is kept",
    )


def run(options: argparse.Namespace) -> int:
    """Write a baseline; return the exit code."""
    from bench.regress.baseline import Baseline, read_baseline, write_baseline
    from bench.regress.coarse import with_coarse
    from bench.regress.measured import missing_values
    from bench.regress.sources import MEASURING, PIPELINE, source_digests

    experiment = experiment_of(options)
    path = baseline_file(
        options,
        "of which experiment? Scores that are of none are kept where you say: add --to gate.json.",
    )
    if not options.reason.strip():
        raise InputError("--reason: is empty; say why these numbers are right.")
    before = read_baseline(path) if path.is_file() else None
    now = measured(options)
    lacking = missing_values(now, now.metrics, "run")
    if lacking or not now.cells:
        raise InputError(
            f"{path}: not written: {lacking[0] if lacking else 'the run has no cells'}; "
            "a baseline must be complete."
        )
    tolerance = _tolerance(options, before, now)
    comparison = options.comparison or (before.comparison if before else "records")
    if comparison == "records" and options.cells is None:
        now = with_coarse(now)
    replaced = path.exists()
    write_baseline(
        Baseline(
            experiment=now.subject if experiment is None else experiment.stem,
            reason=options.reason,
            comparison=comparison,
            measured=now,
            settings=settings_of(options),
            sources=source_digests(MEASURING if experiment is None else PIPELINE),
            tolerance=tolerance,
        ),
        path,
    )
    size = f"{counted(len(now.cells), 'cell')} of {counted(len(now.metrics), 'metric')}"
    print(f"{path}: {size}; {'its diff says what moved' if replaced else 'commit it'}.")
    return DONE


def _tolerance(options: argparse.Namespace, before: Baseline | None, now: Measured) -> Tolerance:
    from bench.regress.baseline import Tolerance
    from bench.regress.measured import read_measured, spread_between

    if not options.spread:
        return before.tolerance if before else Tolerance()
    runs = {}
    for named in options.spread:
        name, equals, file = named.partition("=")
        if not equals:
            raise InputError(f"--spread {named}: give a name and a file, such as avx2=cells.csv.")
        runs[name] = read_measured(Path(file))
    return Tolerance(spread=spread_between(now, runs), runs=tuple(runs))
