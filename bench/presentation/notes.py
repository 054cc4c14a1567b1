"""Sentences that say what numbers are: of which data, with what spread, and what is missing."""

from collections import Counter
from collections.abc import Collection, Mapping

import numpy as np

from bench.experiment.lengths import hardly_trains, lengths
from bench.methods import PAPER, methods
from bench.metrics import Metric
from bench.paper.published import is_whole
from bench.presentation.formatting import listed
from bench.results.cells import UNKNOWN
from bench.results.joining import own_name
from bench.results.results import Results, Row
from bench.stats.significance import MOST_EXACT


def method_notes(results: Results, metrics: Collection[Metric]) -> tuple[str, ...]:
    """Say what a table of methods' scores is of, and which variant stands for a method."""
    notes = score_notes(results, metrics, results.fulls.items())
    named = [f"{method} by its variant {name}" for method, name in results.fulls.items() if name]
    if len(results.fulls) == 1 or not named:
        return notes
    return (*notes, f"Of methods that have variants the full one is shown: {', '.join(named)}.")


def score_notes(
    results: Results, metrics: Collection[Metric], rows: Collection[Row]
) -> tuple[str, ...]:
    """Say what a table of scores is of, and what its ± is."""
    if len(results.seeds) > 1:
        spread = (
            "In percent: mean ± sample standard deviation (ddof 1) over seeds "
            "of the mean over categories."
        )
    else:
        spread = "In percent, one seed: there is no standard deviation and no interval."
    shown = {method for method, _ in rows}
    alone = [
        f"{method} draws nothing at random: its seeds are one run, and without spread."
        for method in results.unseeded
        if method in shown and method not in results.floors
    ]
    floors = [name for name in results.floors if name in shown]
    if floors:
        are = "are floors" if len(floors) > 1 else "is a floor"
        alone.append(f"{listed(floors)} {are}: no learning, no seed, and so no spread.")
    return (*grid_notes(results, metrics, rows), spread, *alone)


def grid_notes(
    results: Results, metrics: Collection[Metric], rows: Collection[Row], *, of: str = ""
) -> tuple[str, ...]:
    """Say which dataset, categories, seeds and protocol the numbers are of, and what is missing.

    Rows that a table shows may be none of the grid's. `of` says which images and seeds they are
    of, where they are not of the grid's.
    """
    whose = of or f"{results.categories_text}, {results.seeds_text}"
    notes = [
        f"Dataset: {results.dataset}; {whose}.",
        results.protocol.sentence,
        *precision_notes(results),
        *(() if of else origin_notes(results)),
        *results.remarks,
    ]
    if results.not_comparable is not None:
        notes.insert(0, results.not_comparable)
    wanted = [row for row in rows if row in results.labels]
    absent = [row for row in rows if row not in results.labels]
    if absent:
        alone = len(results.learners) == 1
        names = [variant if alone else f"{method} {variant}" for method, variant in absent]
        notes.append(f"Not part of this run: {', '.join(names)}.")
    return (*warnings(results, metrics, wanted), *notes)


def warnings(
    results: Results, metrics: Collection[Metric], rows: Collection[Row]
) -> tuple[str, ...]:
    """Say what forbids to take numbers for results: they are of networks that hardly train, or few.

    The rows are some of the grid's.
    """
    found = []
    untrained = {name: said for name, said in hardly_trained(results).items() if name in dict(rows)}
    if untrained:
        updates = "; ".join(f"{name}: {said}" for name, said in untrained.items())
        found.append(
            f"NUMBERS WITHOUT MEANING: networks hardly train in so few updates ({updates}). The "
            "numbers, and any difference between them, show that the program runs and nothing else."
        )
    missing = sum(_missing(results, metrics, row) for row in rows)
    if missing:
        total = len(rows) * len(results.categories) * len(results.seeds)
        found.append(
            f"INCOMPLETE: {missing} of {total} cells are missing or undefined; "
            "a seed counts only where every category has a value."
        )
    return tuple(found)


def hardly_trained(results: Results) -> Mapping[str, str]:
    """Find methods with a training that `hardly_trains`.

    How long a method trains is what `Method.scaled` changes in its steps, ``epochs`` in passes, all
    else in updates. Nothing is said of methods without it, nor of results without settings, or
    with such as today's methods do not read.

    Returns
    -------
    mapping of str to str
        Method -> such as ``"student steps 1, segmentation steps 2"``.
    """
    found = {}
    for name, settings in results.settings.get("configs", {}).items():
        method = methods().get(own_name(name))
        if method is None or name not in results.variants:
            continue
        short = [
            f"{kind.rpartition('.')[2]} {unit} {count}"
            for kind, unit, count in lengths(method, settings)
            if hardly_trains(unit, count)
        ]
        if short:
            found[name] = ", ".join(short)
    return found


def precision_notes(results: Results) -> tuple[str, ...]:
    """Say what was trained in another precision than float32, or in one that is not known."""
    unknown = [name for name, kind in results.precisions.items() if kind == UNKNOWN]
    trained = [
        f"{name} is trained in {kind}"
        for name, kind in results.precisions.items()
        if kind != UNKNOWN
    ]
    notes = []
    if trained:
        maps = "all else, anomaly maps included, is computed in float32"
        notes.append(f"Precision: {', '.join(trained)}; {maps}.")
    if unknown:
        notes.append(
            f"Precision unknown: {listed(unknown)} was trained on a GPU before that was put on "
            "record."
        )
    return tuple(notes)


def origin_notes(results: Results) -> tuple[str, ...]:
    """Say what computed the cells, where that is not what the heading names or was changed."""
    columns = ["device", "torch", "commit", "dirty"]
    if not results.provenance or not {*columns} <= {*results.cells}:
        return ()
    cells = results.cells[columns].dropna().astype(str)
    counts = Counter(cells.itertuples(index=False, name=None))
    said, plain = [], True
    for (device, torch, commit, dirty), count in counts.items():
        plain &= dirty != "yes" and _is_named(results, device, torch, commit)
        changed = " with uncommitted changes" if dirty == "yes" else ""
        many = f"{count} cell{'' if count == 1 else 's'}"
        said.append(f"{device}, torch {torch}, commit {commit[:7]}{changed} ({many})")
    return () if plain else (f"Computed on {'; '.join(said)}.",)


def _is_named(results: Results, device: str, torch: str, commit: str) -> bool:
    """Tell whether the heading names just these."""
    named = dict(line.partition(": ")[::2] for line in results.provenance)
    machine = named.get("Machine", "")
    return (
        named.get("Commit", "").startswith(commit)
        and f", {device};" in machine
        and machine.endswith(f"torch {torch}")
    )


def _missing(results: Results, metrics: Collection[Metric], row: Row) -> int:
    """Cells of a row that lack one of the metrics at least."""
    method, variant = row
    lacking = [
        np.isnan(results.scores(metric.key, method=method, variant=variant)) for metric in metrics
    ]
    return int(np.any(lacking, axis=0).sum())


def paper_notes(results: Results, source: str, paper: str = "") -> tuple[str, ...]:
    """Name the tables and the paper, by default `PAPER`'s; nothing where no numbers are shown."""
    if not results.comparable:
        return ()
    paper = paper or methods()[PAPER].reference
    if is_whole(results.categories):
        return (f"Paper: {paper}, {source}.",)
    same = (
        f"Paper: {paper}, Tables 2 and 3, averaged over the same categories; "
        "blank where it prints an average over all 15 only."
    )
    return (same,)


def difference_notes(results: Results) -> tuple[str, ...]:
    """Say what a difference from the paper is; nothing where none is shown."""
    if not results.comparable:
        return ()
    difference = (
        "Ours minus the paper's mean, in points and, in brackets, in half widths of our 95 % "
        "interval for these categories and new seeds: beyond ±1 it lies outside. The paper's own "
        "spread is not counted."
    )
    return (difference, *setting_notes(results))


def setting_notes(results: Results) -> tuple[str, ...]:
    """Say where training was not the paper's though the images and the protocol are."""
    if results.comparable and not results.paper_setting:
        return ("NOT the paper's training: a difference from it is no failure to reproduce.",)
    return ()


def interval_notes(results: Results) -> tuple[str, ...]:
    """Say what the two intervals are, or that there is none."""
    if len(results.seeds) < 2:
        return ("One seed carries no spread, so no interval exists, and no p is given.",)
    return (
        (
            "95 %, these categories: the interval for the same categories under new seeds (t, "
            "within-category variance, Satterthwaite)."
        ),
        (
            "95 %, other categories: the interval for categories that were not measured, trained "
            "anew, if these are a random sample of their kind (BCa bootstrap over categories, "
            "expanded for their number)."
        ),
    )


def effect_notes(results: Results, contrast: str, family: str) -> tuple[str, ...]:
    """Say what an effect is, its intervals, its p and the improved categories.

    The contrast is the sentence that says what is subtracted from what; the family names the tests
    that the correction is over, if there are any.
    """
    notes = [contrast, *interval_notes(results)]
    if family:
        notes += (
            (
                "p: for other categories too, two-sided sign flips of the categories' own effects, "
                f"all of them tried up to {MOST_EXACT} categories; p (Holm): corrected over one "
                f"family, {family}."
            ),
            (
                "Shown for: these categories where the first interval excludes zero, both these "
                "and others where the second does too and p (Holm) is at most 0.05. "
                "Intervals are each for itself, not corrected for their number, so that the second "
                "may exclude zero where p (Holm) shows nothing."
            ),
        )
    return (*notes, "Improved: categories whose own effect is above zero.")
