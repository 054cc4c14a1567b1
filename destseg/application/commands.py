"""``python -m destseg``: train on a folder, predict images, convert model files."""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeAlias

from destseg.application.calibration import set_limit
from destseg.application.console import coloured, open_console, print_error
from destseg.application.describing import described
from destseg.application.devices import choose_device, memory_for
from destseg.application.examples import CALIBRATE_EXAMPLES, PREDICT_EXAMPLES, TRAIN_EXAMPLES
from destseg.application.fitting import ROTATIONS, train
from destseg.application.options import Parser, finite, positive, program, share
from destseg.application.parts import normal_files
from destseg.application.predicting import predict_files, require_writable
from destseg.application.progress import say, stage_progress
from destseg.application.recipes import announcement, forecasting, recipe_for
from destseg.card import TRAINING_IMAGES
from destseg.checkpoint import load, save, save_authors
from destseg.config import PRECISIONS, STUDENT_KINDS, TrainingConfig
from destseg.descent import TrainingDiverged
from destseg.errors import InputError, counted
from destseg.files import is_image
from destseg.model import DeSTSeg

Commands: TypeAlias = "argparse._SubParsersAction[Any]"  # noqa: SLF001

_DATA = "a folder of images of good parts, those in DIR/train/good or else in DIR itself"

DONE, BAD_INPUT, FAILED, INTERRUPTED = 0, 2, 3, 130


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; return the exit code."""
    open_console()
    arguments = sys.argv[1:] if arguments is None else arguments
    options = _parser(arguments).parse_args(arguments)
    try:
        code: int = options.run(options)
    except InputError as error:
        print_error(error)
        return BAD_INPUT
    except TrainingDiverged as error:
        print_error(error)
        return FAILED
    except KeyboardInterrupt:
        more = "; the same command continues the training" if options.run is _train else ""
        print(f"interrupted{more}.", file=sys.stderr)
        return INTERRUPTED
    return code


def _parser(arguments: Sequence[str]) -> Parser:
    description = (
        "Find anomalies in images of anybody's parts: train a model on images of good parts, then "
        "let it predict others. `python -m destseg COMMAND --help` has examples."
    )
    parser = program("python -m destseg", "destseg", description, arguments)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_train(commands)
    _add_predict(commands)
    _add_calibrate(commands)
    _add_info(commands)
    _add_convert(commands)
    return parser


def _add_train(commands: Commands) -> None:
    command = commands.add_parser(
        "train",
        help="train a model on a folder of normal images",
        epilog=TRAIN_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.add_argument("--data", type=Path, required=True, metavar="DIR", help=_DATA)
    command.add_argument("--out", type=Path, required=True, metavar="FILE", help="such as model.pt")
    command.add_argument(
        "--textures",
        type=Path,
        metavar="DIR",
        help="images of any kind from which synthetic anomalies are cut; default: drawn ones",
    )
    command.add_argument(
        "--teacher",
        default="imagenet",
        metavar="NAME|PATH",
        help="imagenet (torchvision's ResNet18_Weights.IMAGENET1K_V1; timm's plain resnet18 is "
        "another network), of which 47 MB are fetched once, or the file of a state dict under "
        "torchvision's names; default: imagenet",
    )
    command.add_argument(
        "--rotation",
        choices=tuple(ROTATIONS),
        default="none",
        help="how images are turned at random in training, as parts may lie: slight, by up to 5 "
        "degrees; full, in any of four directions besides; default: none",
    )
    command.add_argument(
        "--student",
        choices=STUDENT_KINDS,
        default="encoder-decoder",
        help="the student's shape; default: the paper's encoder-decoder",
    )
    command.add_argument(
        "--size",
        type=positive,
        metavar="PX",
        help="side to which images are resized, 32 at least; default: 256 on a GPU, 128 on a CPU",
    )
    command.add_argument(
        "--steps",
        type=positive,
        nargs=2,
        metavar=("STUDENT", "SEGMENTATION"),
        help="updates of the two stages; default: the paper's 1000 4000 on a GPU, 150 400 on a CPU",
    )
    command.add_argument(
        "--batch-size",
        type=positive,
        metavar="N",
        help="images in a batch; default: the paper's 32 on a GPU, 8 on a CPU, or all where there "
        "are fewer",
    )
    command.add_argument(
        "--seed", type=int, default=0, help="of all that is drawn at random; default: 0"
    )
    command.add_argument(
        "--precision",
        choices=PRECISIONS,
        default=TrainingConfig().precision,
        help="in what networks compute in training; tf32 needs a GPU; default: float32",
    )
    command.add_argument("--device", default="auto", help="auto, cpu or cuda; default: auto")
    command.set_defaults(run=_train)


def _add_predict(commands: Commands) -> None:
    command = commands.add_parser(
        "predict",
        help="find anomalies in images",
        epilog=PREDICT_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.add_argument("model", type=Path, metavar="MODEL", help="a model file, or the authors'")
    command.add_argument(
        "images", type=Path, nargs="+", metavar="IMAGE", help="files, folders or patterns"
    )
    command.add_argument("--out", type=Path, required=True, metavar="DIR", help="for the results")
    limits = command.add_mutually_exclusive_group()
    limits.add_argument(
        "--threshold", type=finite, metavar="X", help="call pictures with a larger score anomalous"
    )
    limits.add_argument(
        "--false-alarms",
        type=share,
        metavar="SHARE",
        help="the same by the share of good pictures that may exceed it, such as 0.01, by the "
        "scores of good images that the model file keeps",
    )
    command.add_argument("--device", default="auto", help="auto, cpu or cuda; default: auto")
    command.set_defaults(run=_predict)


def _add_calibrate(commands: Commands) -> None:
    command = commands.add_parser(
        "calibrate",
        help="set a model's limit for a rate of false alarms",
        epilog=CALIBRATE_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.add_argument("model", type=Path, metavar="MODEL")
    command.add_argument(
        "--false-alarms",
        type=share,
        required=True,
        metavar="SHARE",
        help="share of good pictures that may be called anomalous, such as 0.01",
    )
    command.add_argument(
        "--good",
        type=Path,
        metavar="DIR",
        help="good images that the model was not trained on; default: the scores in its file, of "
        "its training images, which make the limit too low",
    )
    command.add_argument(
        "--out", type=Path, metavar="FILE", help="the new model file; default: in the same place"
    )
    command.add_argument("--device", default="auto", help="auto, cpu or cuda; default: auto")
    command.set_defaults(run=_calibrate)


def _add_info(commands: Commands) -> None:
    command = commands.add_parser("info", help="show a model's card, and how long a picture takes")
    command.add_argument("model", type=Path, metavar="MODEL", help="a model file, or the authors'")
    command.add_argument("--device", default="auto", help="auto, cpu or cuda; default: auto")
    command.set_defaults(run=_info)


def _add_convert(commands: Commands) -> None:
    command = commands.add_parser(
        "convert", help="write a model as a checkpoint that the authors' program loads"
    )
    command.add_argument("model", type=Path, metavar="MODEL")
    command.add_argument("out", type=Path, metavar="CHECKPOINT", help="such as model.pckl")
    command.set_defaults(run=_convert)
    command = commands.add_parser(
        "export", help="write a model as an ONNX file, which needs neither torch nor this program"
    )
    command.add_argument("model", type=Path, metavar="MODEL")
    command.add_argument("out", type=Path, metavar="FILE", help="such as model.onnx")
    command.set_defaults(run=_export)


def _train(options: argparse.Namespace) -> int:
    if options.out.is_dir():
        raise InputError(
            f"--out {options.out}: a folder; name a file, such as {options.out / 'model.pt'}."
        )
    require_writable(options.out.absolute().parent)
    if options.batch_size == 1:
        raise InputError("--batch-size 1: BatchNorm needs at least 2.")
    part = options.out.with_name(f"{options.out.name}.part")
    device = choose_device(options.device)
    count = len(normal_files(options.data))
    asked = {name: getattr(options, name) for name in ("size", "batch_size", "steps", "precision")}
    recipe = recipe_for(device, count, **asked)
    say(announcement(recipe, device, count))
    if part.is_file():
        say(f"continues what {part} holds; remove that file to begin anew.")
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


def _load(path: Path, device: str = "cpu") -> DeSTSeg:
    """Read the model of a command; another argument in its place is told as that."""
    if path.is_dir() or is_image(path):
        what = "a folder" if path.is_dir() else "an image"
        raise InputError(
            f"{path}: {what} where the model file belongs, which comes first; give one "
            "that `python -m destseg train` wrote."
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
    _set_limit(model, options.false_alarms, options.good)
    out = save(model, options.out or options.model)
    print(f"{out}: a picture is called anomalous above {model.scale.limit:.4g}.")
    return DONE


def _info(options: argparse.Namespace) -> int:
    model = _load(options.model, options.device)
    print(described(model))
    _warn(model)
    return DONE


def _export(options: argparse.Namespace) -> int:
    from destseg.exporting import export_onnx

    print(
        f"{export_onnx(_load(options.model), options.out)}: input pictures, outputs maps, scores."
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
