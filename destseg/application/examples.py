"""What the help of commands ends with."""

TRAIN_EXAMPLES = """\
examples:
  python -m destseg train --data parts --out model.pt
      on the images in parts/train/good, or in parts itself: with a GPU the paper's recipe, without
      one a short training, in half an hour on one core
  python -m destseg train --data parts --out model.pt --device cpu --steps 600 1600
      four times as long
  python -m destseg train --data parts --out model.pt --textures dtd/images --rotation full
      the paper's anomaly sources; parts that may lie in any direction

Four counts are shown: the two stages of the training, then the training images and synthetic
anomalies on which the limit and the colours of overlays are measured. Ctrl-C keeps an unfinished
training in model.pt.part; the same command goes on there.
"""

PREDICT_EXAMPLES = """\
examples:
  python -m destseg predict model.pt part.png --out found
      found/part.tiff (anomaly map, 32-bit), found/part_overlay.png, found/scores.csv
  python -m destseg predict model.pt bottle/test --out found/bottle/test
      every image below a folder, in the same folders below found/bottle/test
  python -m destseg predict model.pt parts --out found --false-alarms 0.02
      another limit than the largest score of the training images, the default

The line in an overlay goes around pixels above the limit; verdict, score and what the colours mean
stand below. In scores.csv a relative_score of 0 is where the colours begin, 1 where they end.

exit codes: 0 done, 2 bad input or usage, 3 some images could not be predicted, which are listed
at the end, 130 interrupted
"""

CALIBRATE_EXAMPLES = """\
examples:
  python -m destseg calibrate model.pt --good held_out --false-alarms 0.01
      at most one in a hundred pictures that are like those in held_out will exceed the limit; they
      must not be training images, and 99 of them are needed
"""
