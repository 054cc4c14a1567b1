"""What a threshold makes of image scores: which defects are found, and which alarms are false."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

OUTCOMES = {
    "f": ("✓", "found"),
    "m": ("✗", "missed"),
    "a": ("!", "false alarm"),
    "p": ("✓", "passed"),
}
"""Letter of each outcome -> its sign and its word."""


@dataclass(frozen=True)
class Judged:
    """The test images of a category as one threshold divides them.

    Attributes
    ----------
    scores
        Of the images; larger is more anomalous.
    threshold
        An image whose score reaches it is called anomalous.
    outcomes
        A letter of `OUTCOMES` for each image.
    """

    scores: tuple[float, ...]
    threshold: float
    outcomes: str

    def said(self, index: int) -> str:
        """Say what became of an image, such as ``"✓ found: score 0.52, threshold 0.41"``."""
        sign, word = OUTCOMES[self.outcomes[index]]
        return f"{sign} {word}: score {shown(self.scores[index])}, threshold {self.least}"

    @property
    def least(self) -> str:
        """The threshold in print."""
        return shown(self.threshold)


def judge(scores: NDArray[np.floating], anomalous: NDArray[np.bool_]) -> Judged:
    """Divide images, shape (N,), at the threshold of the best F1 on these very images.

    Since it is chosen on them, it is the best that a threshold could do. Of equally good ones it is
    the highest. Where no image is anomalous, none is called so: it lies above all scores.
    """
    order = np.argsort(-scores, kind="stable")
    ordered, found = scores[order], np.cumsum(anomalous[order])
    f1 = 2 * found / (np.arange(1, len(scores) + 1) + anomalous.sum())
    # Only between different scores there is room for a threshold.
    f1[:-1][ordered[1:] == ordered[:-1]] = -1
    best = float(ordered[int(np.argmax(f1))]) if anomalous.any() else float("inf")
    letters = np.array([["p", "a"], ["m", "f"]])
    outcomes = letters[anomalous.astype(int), (scores >= best).astype(int)]
    return Judged(tuple(map(float, scores)), best, "".join(outcomes))


def shown(score: float) -> str:
    """Such as ``"0.0412"``: four digits, so that neighbours are told apart.

    Examples
    --------
    >>> shown(0.041234), shown(123.456)
    ('0.04123', '123.5')
    """
    return f"{score:.4g}"
