"""A procedural stand-in for MVTec AD: its 15 categories, drawn small, with exact masks.

`render` makes one sample, `write` one category's folder in MVTec AD's layout and `contact_sheet`
the overview in the README.
"""

from bench.data.miniature.layout import write
from bench.data.miniature.sample import CATEGORIES, DEFECTS, MIN_SIZE, VERSION, Sample, render
from bench.data.miniature.sheet import contact_sheet

__all__ = [
    "CATEGORIES",
    "DEFECTS",
    "MIN_SIZE",
    "VERSION",
    "Sample",
    "contact_sheet",
    "render",
    "write",
]
