"""``python -m bench regress``: compare a run with a committed baseline."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from bench.commands.gate_options import (
    add_baseline,
    add_run_options,
    baseline_file,
    experiment_of,
    measured,
    settings_of,
    typed_baseline,
)
from bench.commands.parsers import Commands, add_command, add_wide
from bench.common.exit_codes import DONE, FAILURES, IMPROVEMENT, NOT_COMPARABLE, REGRESSION
from destseg.application.options import positive

if TYPE_CHECKING:
    import argparse

    from bench.regress.baseline import Baseline
    from bench.regress.gate_report import GateReport

REPORT = ("report.json", "junit.xml", "summary.md")
"""Files in the folder of --report."""

HELP = """\
Compare a run with a committed baseline.
Same seeds record by record, or new seeds by statistics, as the baseline says. The run starts from
nothing.

examples:
  python -m bench regress
      gate A: the smoke grid on the CPU, record by record, against experiments/baselines/smoke.json
  python -m bench regress --experiment mvtec --against mvtec.json --data mvtec_ad --textures dtd
      gate B: new seeds on real data against a baseline written with --comparison seeds
  python -m bench regress --experiment mvtec --against mvtec.json --cells results/mvtec/cells.csv
      the same of a run that is finished
  python -m bench regress --cells results/score-mine/cells.csv --against gate.json
      anybody's scores, of no experiment

exit codes: 0 pass, 1 regression, 2 bad input or usage, 3 incomplete or failed, 4 not comparable,
5 improvement
"""


def add_parser(commands: Commands) -> None:
    """Add the command and its options."""
    from bench.regress.new_seeds import FLOOR, LEAST_SEEDS

    command = add_command(commands, "regress", HELP, run=run)
    add_run_options(command)
    add_baseline(command, "--against")
    add_wide(command)
    command.add_argument(
        "--report", type=Path, metavar="DIR", help="write report.json, junit.xml and summary.md"
    )
    seeds = command.add_argument_group("new seeds (gate B)")
    seeds.add_argument(
        "--seeds",
        type=positive,
        default=LEAST_SEEDS,
        metavar="N",
        help=f"new seeds to run; default and least: {LEAST_SEEDS}",
    )
    seeds.add_argument(
        "--floor",
        type=_small,
        default=FLOOR,
        metavar="X",
        help=f"least change of one category that is told; default: {FLOOR}",
    )


def _small(text: str) -> float:
    value = float(text)
    if not 0 <= value < 1:
        raise ValueError(text)
    return value


def run(options: argparse.Namespace) -> int:
    """Compare; return the exit code."""
    from bench.common.columns import screen_width
    from bench.regress.baseline import read_baseline
    from bench.regress.ci_formats import annotations, json_text, junit_text
    from bench.regress.rendering import markdown_text, terminal_text
    from bench.store.runs import check_writable

    path = baseline_file(
        options,
        "compared with what? Add --against gate.json, which `python -m bench baseline` writes.",
    )
    baseline = read_baseline(path)
    if options.report is not None:
        check_writable(options.report, *REPORT, option="--report")
    report = _compared(options, baseline)
    adopt = typed_baseline(options)
    print(_coloured(terminal_text(report, adopt, screen_width(wide=options.wide)), report))
    for line in annotations(report) if os.environ.get("GITHUB_ACTIONS") else ():
        print(line)
    if summary := os.environ.get("GITHUB_STEP_SUMMARY"):
        with Path(summary).open("a", encoding="utf-8") as page:
            page.write(markdown_text(report, adopt))
    if options.report is not None:
        options.report.mkdir(parents=True, exist_ok=True)
        texts = json_text(report), junit_text(report), markdown_text(report, adopt)
        for name, text in zip(REPORT, texts, strict=True):
            (options.report / name).write_text(text, encoding="utf-8")
    return _code(report)


def _coloured(text: str, report: GateReport) -> str:
    """Colour the verdict, which comes first."""
    from destseg.application.console import coloured

    colours = {DONE: "green", IMPROVEMENT: "yellow"}
    verdict = str(report.verdict)
    return text.replace(verdict, coloured(verdict, colours.get(_code(report), "red")), 1)


def _code(report: GateReport) -> int:
    """Return the exit code of a verdict."""
    from bench.regress.gate_report import Verdict

    codes = {
        Verdict.PASS: DONE,
        Verdict.IMPROVEMENT: IMPROVEMENT,
        Verdict.REGRESSION: REGRESSION,
        Verdict.INCOMPLETE: FAILURES,
        Verdict.NOT_COMPARABLE: NOT_COMPARABLE,
    }
    return codes[report.verdict]


def _compared(options: argparse.Namespace, baseline: Baseline) -> GateReport:
    from bench.regress.coarse import COARSE, with_coarse
    from bench.regress.gate_report import cause_of
    from bench.regress.new_seeds import compare_new_seeds
    from bench.regress.same_seeds import compare_same_seeds
    from bench.regress.sources import MEASURING, PIPELINE, source_digests

    # Where nothing says how the numbers were made, the baseline's settings are taken for theirs.
    settings = baseline.settings if experiment_of(options) is None else settings_of(options)
    sources = source_digests(PIPELINE if baseline.settings else MEASURING)
    new_seeds = baseline.comparison == "seeds"
    first = max((cell.seed for cell in baseline.measured.cells), default=-1) + 1
    now = measured(options, range(first, first + options.seeds) if new_seeds else ())
    if COARSE in baseline.measured.cells:
        now = with_coarse(now)
    cause = cause_of(baseline, now, settings, sources)
    if new_seeds:
        return compare_new_seeds(baseline, now, cause, floor=options.floor)
    return compare_same_seeds(baseline, now, cause)
