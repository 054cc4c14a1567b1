"""What methods cost, and what more training would bring each of them."""

from collections.abc import Mapping

from bench.metrics import ALL_METRICS, Metric
from bench.presentation.formatting import (
    MISSING,
    Numbers,
    Texts,
    format_percent,
    format_points,
    listed,
)
from bench.presentation.notes import grid_notes
from bench.presentation.table import Table, make_table
from bench.results.costs import Cost
from bench.results.results import Results

CURVE_METRIC = "pixel_ap"

RISING = 0.02
"""A method that gains more than this by twice the training is called still rising.

About as far as one seed's curve over few categories may err.
"""

_RISING_NOTE = (
    f"Doubling adds: points of {ALL_METRICS[CURVE_METRIC].display} on the curve's images by twice "
    f"the updates; a method that gains more than {100 * RISING:g} is still rising: with more time "
    "it may be better than it is here."
)


def costs_table(results: Results) -> Table:
    """Build what each method's full variant costs, as counted and as measured."""
    reference = results.costs.get(results.method)
    gains = {name: gain_of_doubling(results, name) for name in results.fulls}
    lines = [
        _cost_line(name, results.costs.get(name), reference, gains[name]) for name in results.fulls
    ]
    return make_table("costs", "What the methods cost", results, _cost_notes(results, gains), lines)


def _cost_line(
    name: str, cost: Cost | None, reference: Cost | None, gain: float | None
) -> tuple[Texts, Numbers]:
    texts, numbers = {"Method": name}, Numbers(method=name)
    columns = {
        "Learned, k": ("numbers", 1e3, ".0f"),
        "Pretrained, k": ("pretrained", 1e3, ".0f"),
        "Training, GMAC": ("training_macs", 1e9, ".1f"),
        "Training, s": ("training_seconds", 1, ".1f"),
        "Prediction, MMAC": ("prediction_macs", 1e6, ".1f"),
        "Prediction, ms": ("prediction_seconds", 1e-3, ".1f"),
        "Memory, MB": ("peak_memory", 1e6, ".0f"),
    }
    for column, (field, unit, form) in columns.items():
        value = None if cost is None else getattr(cost, field)
        texts[column] = MISSING if value is None else format(value / unit, form)
        numbers[field] = value
    share = None
    if cost is not None and reference is not None and reference.training_macs:
        share = cost.training_macs / reference.training_macs
    texts["Training compute"] = MISSING if share is None else f"{share:.2f}"
    numbers["training_share"] = share
    texts["Doubling adds"] = _gain(gain)
    numbers["doubling_adds"] = None if gain is None else 100 * gain
    return texts, numbers


def _gain(gain: float | None) -> str:
    if gain is None:
        return MISSING
    return format_points(100 * gain) + (", still rising" if gain > RISING else "")


def _cost_notes(results: Results, gains: Mapping[str, float | None]) -> tuple[str, ...]:
    devices = sorted({cost.device for cost in results.costs.values()})
    notes = [
        *grid_notes(results, (), results.fulls.items()),
        (
            "Of one category and seed. Learned: numbers that the training leaves behind (weights, "
            "running statistics, kept patches); pretrained: parameters of frozen backbones. "
            "MAC: multiply-accumulates of convolutions and matrix products in torch, backward "
            "passes too; what else is computed is not counted, so that the floors have none. "
            f"Training compute: in units of {results.method}'s."
        ),
        (
            "Training, s: mean wall time of a cell in the run itself, other workers beside it; "
            "variants that were trained together share their time. "
            "Prediction: of an image in the batches of the evaluation. Memory: the largest of a "
            "process that trains and predicts alone, torch included."
        ),
    ]
    if devices:
        notes.append(f"Counted and measured on {listed(devices)}; a CPU has one thread.")
    for name, cost in results.costs.items():
        if cost.shared_macs:
            notes.append(
                f"{name} has trainings that all share, {cost.shared_macs / 1e9:.1f} GMAC once, of "
                "which each cell is given its part."
            )
    if any(gain is not None for gain in gains.values()):
        notes.append(_RISING_NOTE)
    return tuple(notes)


def curve_table(results: Results) -> Table:
    """Build each method's quality on the curve's images, by how much it is trained."""
    metric = ALL_METRICS[CURVE_METRIC]
    lines = [_curve_line(results, name, metric) for name in results.fulls]
    return make_table(
        "curve",
        f"{metric.display} by length of training",
        results,
        (
            *grid_notes(results, (), results.fulls.items(), of=_of_the_curve(results)),
            *_curve_notes(results),
            _RISING_NOTE,
        ),
        lines,
    )


def _curve_line(results: Results, name: str, metric: Metric) -> tuple[Texts, Numbers]:
    texts, numbers = {"Method": name}, Numbers(method=name)
    means = curve_means(results, name)
    for factor in _factors(results):
        mean = means.get(factor)
        texts[f"x{factor:g}"] = MISSING if mean is None else format_percent(mean, metric)
        numbers[f"{metric.key}_x{factor:g}"] = None if mean is None else 100 * mean
    gain = gain_of_doubling(results, name)
    texts["Doubling adds"] = _gain(gain)
    numbers["doubling_adds"] = None if gain is None else 100 * gain
    return texts, numbers


def _curve_notes(results: Results) -> tuple[str, ...]:
    if results.curve is None:
        return ("NOT MEASURED: `python -m bench curve` does.",)
    return (
        (
            "In percent, the mean over categories, by how many times the updates of the setting "
            "that the other tables have; these are not the other tables' images."
        ),
    )


def _of_the_curve(results: Results) -> str:
    """Such as ``"development images of capsule and grid, seed 0"``; empty without a curve."""
    if results.curve is None:
        return ""
    kind, names, seeds = (
        list(map(str, sorted(results.curve[column].unique())))
        for column in ("dataset", "category", "seed")
    )
    many = "s" if len(seeds) > 1 else ""
    return f"{listed(kind)} images of {listed(names)}, seed{many} {listed(seeds)}"


def rising_findings(results: Results) -> tuple[str, ...]:
    """Say which methods are still rising, so that their rows are no last word; none if none is."""
    rising = _rising(results)
    if not rising:
        return ()
    metric = ALL_METRICS[CURVE_METRIC]
    return (
        (
            f"Still rising, in points of {metric.display} on {_of_the_curve(results)} by twice "
            f"the updates (table curve): {listed(rising)}. Trained for longer, such a method may "
            "be better than its row says."
        ),
    )


def cut_short(results: Results) -> str:
    """Say with what compute the methods were trained, and which of them may gain by more.

    Empty where none is still rising.
    """
    rising = _rising(results)
    if not rising:
        return ""
    reference, given = results.costs.get(results.method), ""
    trained = [name for name in results.fulls if gain_of_doubling(results, name) is not None]
    if reference is not None and {*trained} <= {*results.costs}:
        shares = [results.costs[name].training_macs / reference.training_macs for name in trained]
        given = f", at {min(shares):.2f} to {max(shares):.2f} of {results.method}'s compute"
    return (
        f"Trainings are cut short{given}. Still rising, in points of "
        f"{ALL_METRICS[CURVE_METRIC].display} by twice the updates on {_of_the_curve(results)}: "
        f"{listed(rising)}; with more training these may be better than they are here."
    )


def _rising(results: Results) -> list[str]:
    """Such as ``["DRAEM by 14.14"]``: by how many points the methods gain that are still rising."""
    gains = {name: gain_of_doubling(results, name) for name in results.fulls}
    return [
        f"{name} by {format_points(100 * gain).removeprefix('+')}"
        for name, gain in gains.items()
        if gain is not None and gain > RISING
    ]


def gain_of_doubling(results: Results, method: str) -> float | None:
    """Return by how much the metric of the curve rises with twice the training, as a fraction.

    None where that is not measured.
    """
    means = curve_means(results, method)
    return means[2.0] - means[1.0] if {1.0, 2.0} <= means.keys() else None


def curve_means(results: Results, method: str) -> dict[float, float]:
    """Average the curve's metric over its categories and seeds, of a method's full variant.

    Returns
    -------
    dict
        Factor, rising -> mean, as a fraction; without factors of which a cell is missing.
    """
    curve = results.curve
    if curve is None:
        return {}
    expected = len(curve[["category", "seed"]].drop_duplicates())
    own = curve[(curve["method"] == method) & (curve["variant"] == results.full(method))]
    found = {}
    for factor in _factors(results):
        scores = own.loc[own["factor"] == factor, CURVE_METRIC]
        if len(scores) == expected and scores.notna().all():
            found[factor] = float(scores.mean())
    return found


def _factors(results: Results) -> tuple[float, ...]:
    return () if results.curve is None else tuple(sorted(results.curve["factor"].unique()))
