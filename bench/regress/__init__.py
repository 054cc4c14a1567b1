"""The regression gate: measured cells against a committed baseline, and what to say of it.

`measured` and `baseline` hold numbers, `same_seeds` and `new_seeds` compare them, `gate_report` is
their answer, `rendering` words it for people and `ci_formats` for machines, `fresh_run` runs the
experiment, `coarse` adds a cell made by hand.
"""
