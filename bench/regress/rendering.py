"""A report in words: for a terminal, and as Markdown for the page of a CI run."""

from bench.common.columns import fitted
from bench.metrics import ALL_METRICS
from bench.regress.gate_report import Change, GateReport, Verdict
from bench.regress.measured import name_of
from destseg.errors import counted

SHOWN = 12
"""Changes and missing cells that are spelled out; the rest is counted."""

MEANINGS = {
    Verdict.PASS: "nothing changed beyond what arithmetic or chance explains.",
    Verdict.REGRESSION: "numbers got worse.",
    Verdict.IMPROVEMENT: "numbers got better and none got worse.",
    Verdict.INCOMPLETE: "something to compare is missing, so nothing is decided.",
    Verdict.NOT_COMPARABLE: "the two sides measure different things.",
}


def terminal_text(report: GateReport, adopt: str, width: int | None = None) -> str:
    """Word a report for people; its table in so many columns, if there is an end.

    ``adopt`` is the command that makes the run the baseline.
    """
    parts = [_headline(report), *(f"  {line}" for line in _faults(report))]
    parts += _table(report, "simple", width)
    notes = [*report.notes, *_reasons(report)]
    parts += ["", *notes] if notes else []
    return "\n".join([*parts, *_advice(report, f"  {adopt}")])


def markdown_text(report: GateReport, adopt: str) -> str:
    """Word a report for the page of a CI run; ``adopt`` as for `terminal_text`."""
    parts = [f"## Regression gate: {report.verdict}", "", _headline(report), ""]
    parts += [f"- {line}" for line in _faults(report)]
    parts += _table(report, "github")
    parts += ["", *(f"- {line}" for line in [*report.notes, *_reasons(report)])]
    return "\n".join([*parts, "", *_advice(report, f"\n    {adopt}")]).rstrip() + "\n"


def sentence(change: Change) -> str:
    """Say one change in a line.

    Examples
    --------
    >>> sentence(Change("pro", "DeSTSeg", "den", "tile", 0, 0.5, 0.4, 0.01, worse=True))
    'PRO of DeSTSeg den on tile, seed 0: 0.5000 -> 0.4000, change -0.1000, noise 0.0100'
    """
    row = _row(change)
    place = change.category or "the mean over categories"
    seed = "" if change.seed is None else f", seed {change.seed}"
    p = "" if change.p is None else f", p {row['p']}"
    return (
        f"{row['Metric']} of {row['Method']} on {place}{seed}: {row['Old']} -> {row['New']}, "
        f"change {row['Change']}, noise {row['Noise']}{p}"
    )


def _headline(report: GateReport) -> str:
    worse = sum(change.worse for change in report.changes)
    better = len(report.changes) - worse
    counts = f"{counted(report.compared, 'number')} compared, {worse} worse, {better} better"
    return f"{report.experiment}: {report.verdict}: {MEANINGS[report.verdict]} {counts}."


def _faults(report: GateReport) -> list[str]:
    return _shortened([*report.incomparable, *report.missing])


def _table(report: GateReport, form: str, width: int | None = None) -> list[str]:
    """Lay out the largest changes below an empty line; nothing where there are none."""
    if not report.changes:
        return []
    rows = [_row(change) for change in report.changes[:SHOWN]]
    values = [list(row.values()) for row in rows]
    table = fitted(values, list(rows[0]), width, tablefmt=form, disable_numparse=True)
    beyond = len(report.changes) - SHOWN
    return ["", table, *(["", f"and {beyond} smaller ones."] if beyond > 0 else [])]


def _row(change: Change) -> dict[str, str]:
    row = {
        "Metric": ALL_METRICS[change.metric].display,
        "Method": name_of(change.method, change.variant),
        "Category": change.category or "mean",
        "Seed": "all" if change.seed is None else str(change.seed),
        "Old": f"{change.old:.4f}",
        "New": f"{change.new:.4f}",
        "Change": f"{change.change:+.4f}",
        "Noise": f"{change.noise:.4f}",
    }
    return row if change.p is None else row | {"p": f"{change.p:.2g}"}


def _shortened(lines: list[str]) -> list[str]:
    beyond = len(lines) - SHOWN
    return [*lines[:SHOWN], f"and {beyond} more"] if beyond > 0 else lines


def _reasons(report: GateReport) -> list[str]:
    """Name what else changed, where something is to be explained."""
    cause = report.cause
    if report.verdict is Verdict.PASS:
        if not cause.sources:
            return []
        differ = "differs" if len(cause.sources) == 1 else "differ"
        told = f"{counted(len(cause.sources), 'source component')} {differ}"
        return [f"{told} from the baseline's, and no number moved"]
    lines = []
    if cause.settings:
        lines.append(f"settings that changed: {'; '.join(_shortened(list(cause.settings)))}")
    if cause.sources:
        first, *others = _shortened(list(cause.sources))
        then = f", then {', '.join(others)}" if others else ""
        lines.append(f"first source component that changed: {first}{then}")
    if cause.versions:
        lines.append(f"versions that changed: {'; '.join(cause.versions)}")
    if not lines and cause.foreign:
        lines.append(
            "the metrics are computed by the same code as the baseline's: what changed is the "
            "program that made these scores, or what it was given"
        )
    elif not lines:
        lines.append("neither settings, source components nor versions differ from the baseline's")
    return lines


def _advice(report: GateReport, adopt: str) -> list[str]:
    """Give the command that adopts a change, where there is one to adopt."""
    if report.verdict is Verdict.INCOMPLETE:
        return []
    if report.verdict is Verdict.NOT_COMPARABLE:
        # A command that adopts this would put other data's numbers into the baseline's place.
        like = "Compare a run of the same images, protocol and precision. Where these were changed"
        return [f"{like} on purpose, write the baseline anew: `python -m bench baseline --help`."]
    if report.verdict is Verdict.PASS:
        if not report.cause.sources:
            return []
        return ["So that a later change is not put down to these, adopt them:", adopt]
    return ["If the change is meant, adopt it, and let the diff be reviewed:", adopt]
