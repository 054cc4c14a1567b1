"""What figures show of the maps: chosen by rule and never by eye."""

from collections.abc import Iterator

import numpy as np

from bench.metrics.counted import Counted, count
from bench.metrics.curves import instance_levels, instance_recall_index
from bench.presentation.examples import Example, colour_scale
from bench.presentation.figures import Excerpts
from bench.presentation.figures_curves import Curve
from bench.results.finished import Finished, ScoredImages


def take_excerpts(finished: Finished) -> Excerpts | None:
    """Take examples, failures and curves of the cells that are `Finished.excerpted`.

    A category that lacks maps or images is left out.

    Returns
    -------
    Excerpts or None
        None when no category is left.
    """
    results = finished.results
    examples: list[Example] = []
    missed: list[Example] = []
    false_alarms: list[Example] = []
    curves: list[Curve] = []
    last = results.extremes[-1]
    for cell in finished.excerpted:
        scored = finished.scored_images(cell)
        if scored is None:
            continue
        counted = count(scored.maps, scored.masks, results.protocol)
        curves.append(precision_curve(scored, counted))
        if (cell.method, cell.variant) == last:
            examples.append(median_example(scored))
            missed += largest_missed(scored, counted)
            false_alarms += strongest_false_alarm(scored, counted)
    if not curves:
        return None
    return Excerpts(
        last,
        results.seeds[0],
        tuple(examples),
        tuple(missed),
        tuple(false_alarms),
        tuple(curves),
    )


def precision_curve(scored: ScoredImages, counted: Counted) -> Curve:
    """Return the curve of which IAP is the mean, with its point at the protocol's k."""
    cell, precision = scored.cell, counted.envelope.astype(np.float64)
    point = instance_recall_index(precision.size, counted.protocol.iap_k)
    return Curve(cell.category, (cell.method, cell.variant), precision, point)


def median_example(scored: ScoredImages) -> Example:
    """Choose, of the anomalous images, the one with the median image score."""
    anomalous = np.flatnonzero(scored.masks.any(axis=(1, 2)))
    order = np.argsort(scored.image_scores[anomalous], kind="stable")
    return _example(scored, int(anomalous[order[len(order) // 2]]))


def largest_missed(scored: ScoredImages, counted: Counted) -> Iterator[Example]:
    """Choose the largest instance that is not found at the threshold of IAP@k.

    That is the highest threshold at which a share k of the instances is found, each by more than
    half of its pixels. None is missed where there are too few instances.
    """
    ranking = counted.pixels
    levels = instance_levels(ranking)
    sizes = np.where(levels < _level_at_k(counted), ranking.region_size, 0)
    if not sizes.any():
        return
    pixels = np.flatnonzero(scored.masks)[ranking.region == int(np.argmax(sizes))]
    instance = np.zeros(scored.masks.shape, dtype=np.bool_)
    instance.reshape(-1)[pixels] = True
    index = int(pixels[0]) // instance[0].size
    yield _example(scored, index, counted, instance)


def strongest_false_alarm(scored: ScoredImages, counted: Counted) -> Iterator[Example]:
    """Choose the good image with the highest image score, if there are good ones."""
    good = np.flatnonzero(~scored.masks.any(axis=(1, 2)))
    if good.size:
        yield _example(scored, int(good[np.argmax(scored.image_scores[good])]), counted)


def _level_at_k(counted: Counted) -> int:
    """Return the highest level at which the protocol's share k of the instances is found."""
    levels = instance_levels(counted.pixels)
    return int(np.sort(levels)[instance_recall_index(levels.size, counted.protocol.iap_k)])


def _example(
    scored: ScoredImages,
    index: int,
    counted: Counted | None = None,
    instance: np.ndarray | None = None,
) -> Example:
    low, high = colour_scale(scored.maps, np.asarray(scored.masks.any(axis=(1, 2))))
    return Example(
        category=scored.cell.category,
        name=scored.names[index],
        image=scored.image(index),
        mask=scored.masks[index],
        anomaly_map=scored.maps[index],
        low=low,
        high=high,
        instance=None if instance is None else instance[index],
        threshold=None
        if counted is None
        else float(counted.pixels.thresholds[_level_at_k(counted)]),
    )
