"""What a model is, in lines for people."""

import statistics
import time

import numpy as np

from destseg.errors import counted
from destseg.model import DeSTSeg

REPEATS = 5
"""Predictions of which the median is told, after one that warms up."""


def described(model: DeSTSeg) -> str:
    """Return a model's card, and what is measured here: parameters and the time of a picture."""
    card = model.card
    unknown = "not in this file"
    measured = (
        f"{counted(len(card.good_scores), 'score')} of {card.good}" if card.good_scores else unknown
    )
    separation = unknown
    if card.separation is not None:
        separation = f"{card.separation:.3f} (AUROC of synthetic anomalies, 0.5 is chance)"
    lines = {
        "name": card.name or unknown,
        "training images": card.images or unknown,
        "recipe": ", ".join(f"{name} {value}" for name, value in card.recipe.items()) or unknown,
        "trained": card.trained or unknown,
        "version": card.version or unknown,
        "picture": f"{model.size} x {model.size} pixels, to which each is resized",
        "student": model.student_net.kind,
        "parameters": f"{sum(one.numel() for one in model.parameters()) / 1e6:.1f} million",
        "limit": f"{model.scale.limit:.4g}; a picture with a larger score is called anomalous",
        "colours": f"from {model.scale.normal:.4g} to {model.scale.anomalous:.4g} in all overlays",
        "good images": measured,
        "separation": separation,
        "time": f"{latency(model):.1f} ms per picture on {next(model.parameters()).device.type}, "
        "alone and without reading its file",
    }
    width = max(map(len, lines))
    return "\n".join(f"{name:<{width}}  {value}" for name, value in lines.items())


def latency(model: DeSTSeg) -> float:
    """Measure how many milliseconds the prediction of one picture of the model's size takes."""
    picture = np.zeros((model.size, model.size, 3), np.uint8)
    model.predict(picture)
    seconds = []
    for _ in range(REPEATS):
        began = time.perf_counter()
        model.predict(picture)
        seconds.append(time.perf_counter() - began)
    return 1000 * statistics.median(seconds)
