"""What the commands of ``python -m destseg`` take."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeAlias

from destseg.application.examples import CALIBRATE_EXAMPLES, PREDICT_EXAMPLES, TRAIN_EXAMPLES
from destseg.application.fitting import ROTATIONS
from destseg.application.options import Parser, finite, positive, program, share
from destseg.config import PRECISIONS, STUDENT_KINDS, TrainingConfig

Commands: TypeAlias = "argparse._SubParsersAction[Any]"  # noqa: SLF001

_MODEL = "a file that `train` wrote, or a checkpoint of the authors'"
_DATA = "a folder of images of good parts, those in DIR/train/good or else in DIR itself"


def command_line(arguments: Sequence[str]) -> Parser:
    """Make the parser of a command line; the command's name is parsed as ``command``."""
    description = (
        "Find anomalies in images of anybody's parts: train a model on images of good parts, then "
        "let it predict others. `python -m destseg COMMAND --help` has examples."
    )
    parser = program("python -m destseg", "destseg", description, arguments)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _add_train(commands)
    _add_predict(commands)
    _add_calibrate(commands)
    _add_info(commands)
    _add_convert(commands)
    _add_export(commands)
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
    _add_device(command)


def _add_predict(commands: Commands) -> None:
    command = commands.add_parser(
        "predict",
        help="find anomalies in images",
        epilog=PREDICT_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    _add_model(command)
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
    _add_device(command)


def _add_calibrate(commands: Commands) -> None:
    command = commands.add_parser(
        "calibrate",
        help="set a model's limit for a rate of false alarms",
        epilog=CALIBRATE_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    _add_model(command)
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
    _add_device(command)


def _add_info(commands: Commands) -> None:
    command = commands.add_parser("info", help="show a model's card, and how long a picture takes")
    _add_model(command)
    _add_device(command)


def _add_convert(commands: Commands) -> None:
    command = commands.add_parser(
        "convert", help="write a model as a checkpoint that the authors' program loads"
    )
    _add_model(command)
    command.add_argument("out", type=Path, metavar="CHECKPOINT", help="such as model.pckl")


def _add_export(commands: Commands) -> None:
    command = commands.add_parser(
        "export", help="write a model as an ONNX file, which needs neither torch nor this program"
    )
    _add_model(command)
    command.add_argument("out", type=Path, metavar="FILE", help="such as model.onnx")


def _add_model(command: argparse.ArgumentParser) -> None:
    command.add_argument("model", type=Path, metavar="MODEL", help=_MODEL)


def _add_device(command: argparse.ArgumentParser) -> None:
    command.add_argument("--device", default="auto", help="auto, cpu or cuda; default: auto")
