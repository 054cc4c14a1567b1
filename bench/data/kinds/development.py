"""The miniature's development draws: what settings are chosen on, never what is reported.

The same generators draw other samples, training images too: none of the miniature is among them.
"""

from bench.data.kinds.miniature import drawn

KIND = drawn("development", "the miniature's development draws", 1000)
