"""Examples to draw, and ways to look at a figure."""

import numpy as np

from bench.presentation.examples import Example


def example(category="bottle", *, low=0.0, high=1.0, score=0.5):
    mask = np.zeros((8, 8), dtype=bool)
    mask[2:4, 5:7] = True
    image = np.full((8, 8, 3), (200, 100, 60), dtype=np.uint8)
    return Example(category, "crack/000", image, mask, np.where(mask, score, 0.0), low, high)


def words(figure):
    """All that is written, each text in a line of its own."""
    texts = [text.get_text() for text in figure.texts]
    for legend in figure.legends:
        texts += [text.get_text() for text in legend.get_texts()]
    for axes in figure.axes:
        texts += [text.get_text() for text in axes.texts] + [axes.get_title()]
    return "\n".join(" ".join(text.split()) for text in texts)


def points(figure, marker):
    return [
        (x, y)
        for line in figure.axes[0].lines
        if line.get_marker() == marker
        for x, y in zip(line.get_xdata(), line.get_ydata(), strict=True)
    ]
