"""Prediction of files: maps, overlays and a table of scores in a folder."""

import csv
import io
import os
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from PIL import Image

from destseg.application.console import coloured
from destseg.application.parts import SMALLEST, too_small
from destseg.application.progress import Progress
from destseg.atomic import write_atomically, writing
from destseg.errors import InputError, counted, input_faults, printable
from destseg.folders import scan, tell_of
from destseg.model import PICTURES_AT_A_TIME, DeSTSeg
from destseg.prediction import Prediction, files_of, read_picture

RESULTS = {".tiff": "TIFF", "_overlay.png": "PNG"}
"""What the name of a picture's map and of its overlay end with -> the format."""


def predict_files(model: DeSTSeg, given: Iterable[Path], out: Path) -> bool:
    """Predict images and write what is found; return whether all could be predicted.

    Raises
    ------
    InputError
        When there is nothing to predict or to write into, before anything is written.
    """
    files, faults = _files(given)
    names = _names(files)
    require_writable(out)
    _spare(files, out, names)
    rows = []
    seconds, timed = 0.0, 0
    with Progress("predict", len(files), unit="image") as shown:
        for start in range(0, len(files), PICTURES_AT_A_TIME):
            chosen = {}
            for file in files[start : start + PICTURES_AT_A_TIME]:
                try:
                    picture = read_picture(file, 0, model.depth)
                except InputError as error:
                    faults.append(str(error))
                    shown.advance()
                    continue
                if min(picture.shape[:2]) >= SMALLEST:
                    chosen[file] = picture
                else:
                    faults.append(too_small(file, picture))
                    shown.advance()
            began = time.perf_counter()
            predictions = model.predict(chosen.values())
            if start:  # the first ones warm up
                seconds += time.perf_counter() - began
                timed += len(predictions)
            for file, prediction in zip(chosen, predictions, strict=True):
                shown.advance()
                try:
                    _write(prediction, out / names[file])
                except InputError as error:
                    faults.append(str(error))
                    continue
                scores = (f"{prediction.score:.6g}", f"{prediction.relative_score:.4f}")
                rows.append((file.as_posix(), *scores, "yes" if prediction.anomalous else "no"))
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow(("image", "score", "relative_score", "anomalous"))
    writer.writerows(rows)
    with writing(out):
        write_atomically(out / "scores.csv", table.getvalue().encode("utf-8", "surrogateescape"))
    count = sum(row[-1] == "yes" for row in rows)
    verdict = coloured(f"{count} of {counted(len(rows), 'image')}", "red" if count else "green")
    limit = f"above {model.scale.limit:.4g}"
    print(f"{verdict} called anomalous, {limit}; maps, overlays and scores.csv in {out}.")
    if timed:
        each = 1000 * seconds / timed
        device = next(model.parameters()).device.type
        print(f"{each:.1f} ms per image on {device}, without reading and writing files.")
    if faults:
        listed = "\n  - ".join(("not predicted:", *map(printable, faults)))
        print(f"error: {len(faults)} of {len(rows) + len(faults)} {listed}", file=sys.stderr)
    return not faults


def require_writable(folder: Path) -> None:
    """Make a folder, or refuse it, before anything is computed that is to be written there."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{folder}: cannot be made ({error.strerror}); choose another.") from None
    with writing(folder), tempfile.TemporaryFile(dir=folder):
        pass


def _files(given: Iterable[Path]) -> tuple[list[Path], list[str]]:
    """List images, each once: files as they are, and every image below a folder.

    What is an image there and cannot be read, as far as its name tells, is listed besides.
    """
    found: list[Path] = []
    faults: list[str] = []
    for path in given:
        if not path.is_dir():
            matching = files_of(path)
            if matching == [path] and not path.exists():
                raise InputError(
                    f"{path}: no such file or folder; give images or folders of images."
                )
            found += matching
            continue
        listing = scan(path)
        if not listing.files:
            none = InputError(f"{path}: no images in it; give a folder that has some.")
            raise input_faults(str(path), listing.faults) if listing.faults else none
        found += listing.files
        faults += listing.faults
        tell_of(path, listing, own=True)
    return list(dict.fromkeys(found)), faults


def _names(files: list[Path]) -> dict[Path, Path]:
    """Name results by what distinguishes the files: their path below the folder of them all."""
    common = Path(os.path.commonpath([file.absolute().parent for file in files]))
    names = {file: file.absolute().relative_to(common).with_suffix("") for file in files}
    by_name: dict[Path, Path] = {}
    for file, name in names.items():
        if name in by_name:
            raise InputError(
                f"{file} and {by_name[name]}: both results would be named {name}; "
                "rename one or predict them apart."
            )
        by_name[name] = file
    return names


def _spare(files: list[Path], out: Path, names: dict[Path, Path]) -> None:
    """Refuse to write a result over a picture."""
    pictures = {file.absolute() for file in files}
    for name in names.values():
        for suffix in RESULTS:
            result = (out / name).absolute()
            if result.with_name(result.name + suffix) in pictures:
                raise InputError(
                    f"--out {out}: {name}{suffix} would replace a picture; choose another folder."
                )


def _write(prediction: Prediction, stem: Path) -> None:
    """Write the map as 32-bit TIFF and the overlay as PNG."""
    pictures = (prediction.anomaly_map, prediction.captioned())
    with writing(stem.parent):
        stem.parent.mkdir(parents=True, exist_ok=True)
        for (suffix, form), pixels in zip(RESULTS.items(), pictures, strict=True):
            buffer = io.BytesIO()
            Image.fromarray(np.ascontiguousarray(pixels)).save(buffer, form)
            write_atomically(stem.with_name(stem.name + suffix), buffer.getvalue())
