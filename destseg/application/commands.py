"""``python -m destseg``: train on a folder, predict images, convert model files."""

import argparse
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

from destseg.application.arguments import command_line
from destseg.application.calibration import set_limit
from destseg.application.console import coloured, open_console, print_error
from destseg.application.describing import described
from destseg.application.devices import choose_device, memory_for
from destseg.application.fitting import train
from destseg.application.parts import normal_files
from destseg.application.predicting import predict_files, require_writable
from destseg.application.progress import say, stage_progress
from destseg.application.recipes import announcement, forecasting, recipe_for
from destseg.application.resuming import is_part_file
from destseg.card import TRAINING_IMAGES
from destseg.checkpoint import load, save, save_authors
from destseg.descent import TrainingDiverged
from destseg.errors import InputError, counted, overlong_name
from destseg.files import is_image
from destseg.model import DeSTSeg

DONE, BAD_INPUT, FAILED, INTERRUPTED = 0, 2, 3, 130


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; return the exit code."""
    open_console()
    arguments = sys.argv[1:] if arguments is None else arguments
    options = command_line(arguments).parse_args(arguments)
    try:
        code = _RUN[options.command](options)
    except InputError as error:
        print_error(error)
        return BAD_INPUT
    except OSError as error:
        if not (overlong := overlong_name(error)):
            raise
        print_error(overlong)
        return BAD_INPUT
    except TrainingDiverged as error:
        print_error(error)
        return FAILED
    except KeyboardInterrupt:
        more = "; the same command continues the training" if options.command == "train" else ""
        print(f"interrupted{more}.", file=sys.stderr)
        return INTERRUPTED
    return code


def _train(options: argparse.Namespace) -> int:
    _require_place(options.out)
    if options.batch_size == 1:
        raise InputError("--batch-size 1: BatchNorm needs at least 2.")
    part = options.out.with_name(f"{options.out.name}.part")
    device = choose_device(options.device)
    count = len(normal_files(options.data))
    asked = {name: getattr(options, name) for name in ("size", "batch_size", "steps", "precision")}
    recipe = recipe_for(device, count, **asked)
    say(announcement(recipe, device, count))
    size, config = recipe
    sizes = f"--batch-size {config.batch_size} --size {size}"
    with stage_progress() as progress, memory_for(sizes, device):
        model = train(
            options.data,
            textures=options.textures,
            teacher=options.teacher,
            size=size,
            rotation=options.rotation,
            student=options.student,
            config=config,
            seed=options.seed,
            device=device,
            part=part,
            on_progress=forecasting(progress, recipe, count, say),
        )
    save(model, options.out)
    part.unlink(missing_ok=True)
    print(
        f"{options.out}: a picture is called anomalous above {model.scale.limit:.4g}, the largest "
        f"score of the training images; `python -m destseg predict {options.out} IMAGES --out DIR` "
        "finds such."
    )
    _warn(model)
    return DONE


def _require_place(out: Path) -> None:
    """Refuse a place for a model file before anything is computed."""
    if out.is_dir():
        raise InputError(f"--out {out}: a folder; name a file, such as {out / 'model.pt'}.")
    require_writable(out.absolute().parent)


def _load(path: Path, device: str = "cpu") -> DeSTSeg:
    """Read the model of a command; another argument in its place is told as that."""
    if path.is_dir() or is_image(path):
        what = "a folder" if path.is_dir() else "an image"
        raise InputError(
            f"{path}: {what}; the first argument is the model file, which `python -m destseg "
            "train` writes: give that."
        )
    if is_part_file(path):
        raise InputError(
            f"{path}: an unfinished training and no model yet; the same `python -m destseg train` "
            "command goes on with it and writes the model."
        )
    return load(path, choose_device(device))


def _predict(options: argparse.Namespace) -> int:
    model = _load(options.model, options.device)
    if options.threshold is not None:
        model.scale = replace(model.scale, limit=options.threshold)
    elif options.false_alarms is not None:
        _set_limit(model, options.false_alarms)
    _warn(model)
    return DONE if predict_files(model, options.images, options.out) else FAILED


def _calibrate(options: argparse.Namespace) -> int:
    model = _load(options.model, options.device)
    out = options.out or options.model
    _require_place(out)
    _set_limit(model, options.false_alarms, options.good)
    save(model, out)
    print(f"{out}: a picture is called anomalous above {model.scale.limit:.4g}.")
    return DONE


def _info(options: argparse.Namespace) -> int:
    model = _load(options.model, options.device)
    print(described(model))
    _warn(model)
    return DONE


def _export(options: argparse.Namespace) -> int:
    from destseg.exporting import export_onnx

    model = _load(options.model)
    out = export_onnx(model, options.out)
    print(
        f"{out}: input pictures, (N, {model.size}, {model.size}, 3) uint8 RGB; outputs maps and "
        f"scores, above {model.scale.limit:.4g} called anomalous."
    )
    return DONE


def _set_limit(model: DeSTSeg, rate: float, good: Path | None = None) -> None:
    """Set the limit for a rate of false alarms, and say on what that rests."""
    set_limit(model, rate, good)
    said = f"limit {model.scale.limit:.4g} for {rate:g} false alarms"
    print(f"{said}, by {counted(len(model.card.good_scores), 'score')} of {model.card.good}.")
    if model.card.good == TRAINING_IMAGES:
        _print_warning(
            "other good pictures will exceed this limit more often; measure some that the model "
            f"was not trained on: `python -m destseg calibrate MODEL --good DIR --false-alarms "
            f"{rate:g}`."
        )


def _warn(model: DeSTSeg) -> None:
    if model.card.warning:
        _print_warning(model.card.warning)


def _print_warning(sentence: str) -> None:
    print(f"{coloured('warning:', 'yellow', sys.stderr)} {sentence}", file=sys.stderr)


def _convert(options: argparse.Namespace) -> int:
    print(save_authors(_load(options.model), options.out))
    return DONE


_RUN: Mapping[str, Callable[[argparse.Namespace], int]] = MappingProxyType(
    {
        "train": _train,
        "predict": _predict,
        "calibrate": _calibrate,
        "info": _info,
        "convert": _convert,
        "export": _export,
    }
)
