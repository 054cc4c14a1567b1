"""The regression gate: measured cells against a committed baseline, and what to say of it.

`sources` and `cells` read, `records` and `seeds` compare, `report` is their answer, `rendering`
words it for people and machines, `running` runs the experiment. Nothing else needs torch.
"""
