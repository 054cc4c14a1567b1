"""What is taken of the maps for figures: chosen by rule and never by eye."""

from collections.abc import Iterator

import numpy as np

from bench.metrics import Protocol, image_scores
from bench.metrics.authors import authors_envelope
from bench.metrics.curves import instance_envelope, instance_levels, instance_recall_index
from bench.metrics.inputs import open_source
from bench.metrics.ranking import Ranking, rank
from bench.presentation.examples import Example
from bench.presentation.figures import Pictures
from bench.presentation.figures_categories import extremes
from bench.presentation.figures_curves import Curve
from bench.results.evidence import Evidence, Scored


def take_pictures(evidence: Evidence) -> Pictures | None:
    """Take examples, failures and curves of the full method, or the variant nearest to it.

    All of the first seed. A category that lacks maps or images is left out.

    Returns
    -------
    Pictures or None
        None when no category is left.
    """
    variants = extremes(evidence.heading)
    seed = evidence.heading.seeds[0]
    protocol = evidence.heading.protocol
    examples: list[Example] = []
    missed: list[Example] = []
    false_alarms: list[Example] = []
    curves: list[Curve] = []
    for category in evidence.heading.categories:
        for variant in variants:
            scored = evidence.scored(category, variant, seed)
            if scored is None:
                continue
            ranking = rank(open_source(scored.maps, scored.masks), protocol.connectivity)
            curves.append(precision_curve(scored, ranking, protocol))
            if variant == variants[-1]:
                examples.append(median_example(scored, protocol))
                missed += largest_missed(scored, ranking, protocol)
                false_alarms += strongest_false_alarm(scored, protocol)
    if not curves:
        return None
    return Pictures(
        variants[-1], seed, tuple(examples), tuple(missed), tuple(false_alarms), tuple(curves)
    )


def precision_curve(scored: Scored, ranking: Ranking, protocol: Protocol) -> Curve:
    """Return the curve of which IAP is the mean, with its point at the protocol's k."""
    envelope = instance_envelope if protocol.compat is None else authors_envelope
    precision = envelope(ranking).astype(np.float64)
    point = instance_recall_index(precision.size, protocol.iap_k)
    return Curve(scored.category, scored.variant, precision, point)


def median_example(scored: Scored, protocol: Protocol) -> Example:
    """Choose, of the anomalous images, the one with the median image score."""
    anomalous = np.flatnonzero(scored.masks.any(axis=(1, 2)))
    order = np.argsort(image_scores(scored.maps[anomalous], protocol), kind="stable")
    return _example(scored, int(anomalous[order[len(order) // 2]]))


def largest_missed(scored: Scored, ranking: Ranking, protocol: Protocol) -> Iterator[Example]:
    """Choose the largest instance that is not found at the threshold of IAP@k.

    That is the highest threshold at which a share k of the instances is found, each by more than
    half of its pixels. None is missed where there are too few instances.
    """
    levels = instance_levels(ranking)
    threshold = np.sort(levels)[instance_recall_index(levels.size, protocol.iap_k)]
    sizes = np.where(levels < threshold, ranking.region_size, 0)
    if not sizes.any():
        return
    pixels = np.flatnonzero(scored.masks)[ranking.region == int(np.argmax(sizes))]
    instance = np.zeros(scored.masks.shape, dtype=np.bool_)
    instance.reshape(-1)[pixels] = True
    index = int(pixels[0]) // instance[0].size
    yield _example(scored, index, instance)


def strongest_false_alarm(scored: Scored, protocol: Protocol) -> Iterator[Example]:
    """Choose the good image with the highest image score, if there are good ones."""
    good = np.flatnonzero(~scored.masks.any(axis=(1, 2)))
    if good.size:
        yield _example(scored, int(good[np.argmax(image_scores(scored.maps[good], protocol))]))


def _example(scored: Scored, index: int, instance: np.ndarray | None = None) -> Example:
    low = scored.maps.min()
    return Example(
        category=scored.category,
        name=scored.names[index],
        image=scored.image(index),
        mask=scored.masks[index],
        anomaly_map=scored.maps[index],
        low=float(low),
        # Maps that are constant still need a scale.
        high=float(max(scored.maps.max(), np.nextafter(low, np.float32(np.inf)))),
        instance=None if instance is None else instance[index],
    )
