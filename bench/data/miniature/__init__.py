"""A procedural stand-in for MVTec AD: its 15 categories, drawn small, with exact masks.

`render` makes one sample, `write` one category's folder in MVTec AD's layout.
"""

from bench.data.miniature.layout import write
from bench.data.miniature.sample import CATEGORIES, DEFECTS, MIN_SIZE, VERSION, Sample, render

__all__ = [
    "CATEGORIES",
    "DEFECTS",
    "MIN_SIZE",
    "VERSION",
    "Sample",
    "render",
    "write",
]
