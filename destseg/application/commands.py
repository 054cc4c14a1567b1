"""``python -m destseg``: train on a folder, predict images, convert model files."""

import argparse
import csv
import io
import os
import sys
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from PIL import Image

from destseg.application.console import open_console, print_error
from destseg.application.devices import choose_device, memory_for
from destseg.application.fitting import ROTATIONS, train
from destseg.application.options import positive
from destseg.application.progress import Progress, stage_progress
from destseg.atomic import write_atomically
from destseg.checkpoint import load, save, save_authors
from destseg.config import PRECISIONS, STUDENT_KINDS, TrainingConfig
from destseg.descent import TrainingDiverged
from destseg.errors import InputError, input_faults
from destseg.folders import scan, tell
from destseg.model import PICTURES_AT_A_TIME
from destseg.prediction import Prediction, read_picture

DONE, BAD_INPUT, FAILED, INTERRUPTED = 0, 2, 3, 130

RESULTS = {".tiff": "TIFF", "_overlay.png": "PNG"}
"""What the name of a picture's map and of its overlay end with -> the format."""

TRAIN_EXAMPLES = """\
examples:
  python -m destseg train --data parts --out model.pt
      the paper's recipe on the images in parts/train/good, or in parts itself: made for a GPU
  python -m destseg train --data parts --out model.pt --size 128 --batch-size 8 --steps 150 400
      a short training that a CPU can bear
  python -m destseg train --data parts --out model.pt --textures dtd/images --rotation full
      the paper's anomaly sources; parts that may lie in any direction
"""

PREDICT_EXAMPLES = """\
examples:
  python -m destseg predict model.pt part.png --out found
      found/part.tiff (anomaly map, 32-bit), found/part_overlay.png, found/scores.csv
  python -m destseg predict model.pt bottle/test --out found/bottle/test
      every image below a folder, in the same folders below found/bottle/test

exit codes: 0 done, 2 bad input or usage, 3 some images could not be predicted, which are listed
at the end, 130 interrupted
"""


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; return the exit code."""
    open_console()
    options = _parser().parse_args(arguments)
    try:
        code: int = options.run(options)
    except InputError as error:
        print_error(error)
        return BAD_INPUT
    except TrainingDiverged as error:
        print_error(error)
        return FAILED
    except KeyboardInterrupt:
        print("interrupted; the same command continues a training.", file=sys.stderr)
        return INTERRUPTED
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m destseg", description="Find anomalies in images of anybody's parts."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_train(commands)
    _add_predict(commands)
    _add_convert(commands)
    return parser


def _add_train(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    recipe = TrainingConfig()
    command = commands.add_parser(
        "train",
        help="train a model on a folder of normal images",
        epilog=TRAIN_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.add_argument("--data", type=Path, required=True, metavar="DIR", help="normal images")
    command.add_argument("--out", type=Path, required=True, metavar="FILE", help="the model file")
    command.add_argument(
        "--textures", type=Path, metavar="DIR", help="anomaly sources; default: procedural ones"
    )
    command.add_argument(
        "--teacher",
        default="imagenet",
        metavar="NAME|PATH",
        help="imagenet (torchvision's ResNet18_Weights.IMAGENET1K_V1; timm's plain resnet18 is "
        "another network) or a state dict under torchvision's names; default: imagenet",
    )
    command.add_argument("--rotation", choices=tuple(ROTATIONS), default="none")
    command.add_argument("--student", choices=STUDENT_KINDS, default="encoder-decoder")
    command.add_argument("--size", type=positive, default=256, metavar="PX", help="default: 256")
    command.add_argument(
        "--steps",
        type=positive,
        nargs=2,
        default=(recipe.student_steps, recipe.segmentation_steps),
        metavar=("STUDENT", "SEGMENTATION"),
        help="updates of the two stages; default: the paper's 1000 4000",
    )
    command.add_argument(
        "--batch-size", type=positive, default=recipe.batch_size, metavar="N", help="default: 32"
    )
    command.add_argument("--seed", type=int, default=0, help="default: 0")
    command.add_argument(
        "--precision",
        choices=PRECISIONS,
        default=recipe.precision,
        help="in what networks compute in training; tf32 needs a GPU; default: float32",
    )
    command.add_argument("--device", default="auto", help="auto, cpu or cuda; default: auto")
    command.set_defaults(run=_train)


def _add_predict(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    command = commands.add_parser(
        "predict",
        help="find anomalies in images",
        epilog=PREDICT_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.add_argument("model", type=Path, metavar="MODEL", help="a model file, or the authors'")
    command.add_argument("images", type=Path, nargs="+", metavar="IMAGE", help="files or folders")
    command.add_argument("--out", type=Path, required=True, metavar="DIR", help="for the results")
    command.add_argument("--device", default="auto", help="auto, cpu or cuda; default: auto")
    command.set_defaults(run=_predict)


def _add_convert(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    command = commands.add_parser(
        "convert", help="write a model as a checkpoint that the authors' program loads"
    )
    command.add_argument("model", type=Path, metavar="MODEL")
    command.add_argument("out", type=Path, metavar="CHECKPOINT", help="such as model.pckl")
    command.set_defaults(run=_convert)


def _train(options: argparse.Namespace) -> int:
    _require_folder(options.out.absolute().parent)
    if options.batch_size < 2:
        raise InputError("--batch-size 1: BatchNorm needs at least 2.")
    student_steps, segmentation_steps = options.steps
    part = options.out.with_name(f"{options.out.name}.part")
    device = choose_device(options.device)
    sizes = f"--batch-size {options.batch_size} --size {options.size}"
    with stage_progress() as progress, memory_for(sizes, device):
        model = train(
            options.data,
            textures=options.textures,
            teacher=options.teacher,
            size=options.size,
            rotation=options.rotation,
            student=options.student,
            config=TrainingConfig(
                batch_size=options.batch_size,
                student_steps=student_steps,
                segmentation_steps=segmentation_steps,
                precision=options.precision,
            ),
            seed=options.seed,
            device=device,
            part=part,
            on_progress=progress,
        )
    save(model, options.out)
    part.unlink(missing_ok=True)
    print(f"{options.out}: a picture is called anomalous above {model.scale.limit:.4g}.")
    return DONE


def _predict(options: argparse.Namespace) -> int:
    model = load(options.model, choose_device(options.device))
    files, faults = _files(options.images)
    names = _names(files)
    _require_folder(options.out)
    _spare(files, options.out, names)
    rows = []
    with Progress("predict", len(files), unit="image") as shown:
        for start in range(0, len(files), PICTURES_AT_A_TIME):
            chosen = {}
            for file in files[start : start + PICTURES_AT_A_TIME]:
                try:
                    chosen[file] = read_picture(file, 0, model.depth)
                except InputError as error:
                    faults.append(str(error))
                    shown.advance()
            predictions = model.predict(chosen.values())
            for file, prediction in zip(chosen, predictions, strict=True):
                shown.advance()
                try:
                    _write(prediction, options.out / names[file])
                except InputError as error:
                    faults.append(str(error))
                    continue
                scores = (f"{prediction.score:.6g}", f"{prediction.relative_score:.4f}")
                rows.append((file.as_posix(), *scores, "yes" if prediction.anomalous else "no"))
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow(("image", "score", "relative_score", "anomalous"))
    writer.writerows(rows)
    try:
        write_atomically(
            options.out / "scores.csv", table.getvalue().encode("utf-8", "surrogateescape")
        )
    except OSError as error:
        raise InputError(f"{options.out}: cannot be written ({error.strerror}).") from None
    count = sum(row[-1] == "yes" for row in rows)
    print(f"{count} of {len(rows)} images called anomalous; maps and overlays in {options.out}.")
    if faults:
        listed = "\n  - ".join(("not predicted:", *faults))
        print(f"error: {len(faults)} of {len(rows) + len(faults)} {listed}", file=sys.stderr)
    return FAILED if faults else DONE


def _convert(options: argparse.Namespace) -> int:
    print(save_authors(load(options.model), options.out))
    return DONE


def _files(given: Iterable[Path]) -> tuple[list[Path], list[str]]:
    """List images, each once: files as they are, and every image below a folder.

    What is an image there and cannot be read, as far as its name tells, is listed besides.
    """
    found: list[Path] = []
    faults: list[str] = []
    for path in given:
        if not path.exists():
            raise InputError(f"{path}: no such file or folder; give images or folders of images.")
        if not path.is_dir():
            found.append(path)
            continue
        listing = scan(path)
        if not listing.files:
            none = InputError(f"{path}: no images in it; give a folder that has some.")
            raise input_faults(str(path), listing.faults) if listing.faults else none
        found += listing.files
        faults += listing.faults
        for sentence in listing.passed_over:
            tell(sentence)
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
    pictures = (prediction.anomaly_map, prediction.overlay())
    try:
        stem.parent.mkdir(parents=True, exist_ok=True)
        for (suffix, form), pixels in zip(RESULTS.items(), pictures, strict=True):
            buffer = io.BytesIO()
            Image.fromarray(np.ascontiguousarray(pixels)).save(buffer, form)
            write_atomically(stem.with_name(stem.name + suffix), buffer.getvalue())
    except OSError as error:
        raise InputError(f"{stem.parent}: cannot be written ({error.strerror}).") from None


def _require_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{folder}: cannot be made ({error.strerror}); choose another.") from None
