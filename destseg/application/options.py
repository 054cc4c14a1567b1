"""What the command lines are parsed with."""

import argparse
import math
import sys
from collections.abc import Iterable, Sequence
from itertools import takewhile
from pathlib import Path
from typing import Any, NoReturn

from destseg.errors import did_you_mean

DISTRIBUTION = "destseg-bench"
COMPLETION = "--print-completion"
SHELLS = ("bash", "zsh", "tcsh")

SYNONYMS = dict.fromkeys(("--workers", "--num-workers", "--processes", "--threads", "-j"), "--jobs")
"""What other programs call an option of ours, so that it is suggested though no letter is alike."""


class Parser(argparse.ArgumentParser):
    """A parser that answers a mistake with its own usage, and with what may have been meant.

    Those of argparse leave an option that a sub-command does not know to the program's parser,
    whose usage says nothing of it.
    """

    _given: Sequence[str] = ()

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> tuple[Any, list[str]]:
        """Parse, and refuse what is not known."""
        self._given = sys.argv[1:] if args is None else list(args)
        parsed, unknown = super().parse_known_args(self._given, namespace)
        if unknown:
            self.error(f"unrecognized arguments: {' '.join(unknown)}")
        return parsed, unknown

    def error(self, message: str) -> NoReturn:
        """Say what is wrong, and ask after each option that is none: it may be what is missing."""
        super().error("; ".join([message, *self._asked()]))

    def _asked(self) -> list[str]:
        known = list(self._option_string_actions)
        own: Iterable[str] = self._given
        if self._subparsers:  # what follows the name of a command is that command's
            own = takewhile(lambda word: word.startswith("-"), own)
        named = [word.partition("=")[0] for word in own if word.startswith("-")]
        # argparse takes the beginning of an option for the option.
        strange = [name for name in named if not any(one.startswith(name) for one in known)]
        asked = [did_you_mean(SYNONYMS.get(name, name), known) for name in strange]
        return list(filter(None, dict.fromkeys(asked)))

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        try:
            super()._check_value(action, value)
        except argparse.ArgumentError as error:
            if asked := did_you_mean(str(value), map(str, action.choices or ())):
                error.message += f"; {asked}"
            raise


def asks_completion(arguments: Sequence[str]) -> bool:
    """Whether a command line asks for a completion script, which is of all commands."""
    return any(word.partition("=")[0] == COMPLETION for word in arguments[:1])


def program(name: str, script: str, description: str, arguments: Sequence[str]) -> Parser:
    """Make the parser of a program, with ``--version`` and shell completion.

    Parameters
    ----------
    name : str
        As which it is called in help, such as ``python -m destseg``.
    script : str
        The command that pip installs: shells complete a command's name, not a module's.
    description : str
        Of the program.
    arguments : sequence of str
        What is going to be parsed.
    """
    parser = Parser(prog=script if asks_completion(arguments) else name, description=description)
    parser.add_argument("--version", action=_Version, help="print the version and end")
    parser.add_argument(
        COMPLETION,
        metavar="SHELL",
        choices=SHELLS,
        action=_Completion,
        help=f"print what completes `{script}` in {', '.join(SHELLS)}: "
        f'eval "$({script} {COMPLETION} bash)"',
    )
    return parser


def installed() -> str:
    """Return the version of this project that is installed."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(DISTRIBUTION)
    except PackageNotFoundError:
        return "not installed"


class _Version(argparse.Action):
    """Print the version and end; argparse's own would look it up for every command."""

    def __init__(self, **look: Any) -> None:
        super().__init__(nargs=0, **look)

    def __call__(self, parser: argparse.ArgumentParser, *_: Any, **__: Any) -> None:
        print(f"{DISTRIBUTION} {installed()}")
        parser.exit(0)


class _Completion(argparse.Action):
    """Print a shell's completion script and end."""

    def __call__(self, parser: argparse.ArgumentParser, *given: Any, **__: Any) -> None:
        import shtab

        _complete(parser)
        _namespace, shell, *_ = given
        print(shtab.complete(parser, shell))
        parser.exit(0)


def offer(argument: argparse.Action, names: Iterable[str]) -> None:
    """Let shells offer names for an argument that takes others too."""
    argument.offered = tuple(names)  # type: ignore[attr-defined]


def _complete(parser: argparse.ArgumentParser) -> None:
    """Let shells offer names or else files where they are asked for, here and in parsers below."""
    import shtab

    for action in parser._actions:  # noqa: SLF001 - argparse lists them nowhere else
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001
            for below in action.choices.values():
                _complete(below)
        elif hasattr(action, "offered"):
            # Only now, when nothing is parsed any more: other values are taken as well.
            action.choices = action.offered
        elif action.type is Path:
            action.complete = shtab.FILE  # type: ignore[attr-defined]


def positive(text: str) -> int:
    """Parse a positive whole number."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a positive whole number")
    return int(text)


def finite(text: str) -> float:
    """Parse a number that is neither infinite nor none."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise argparse.ArgumentTypeError(f"{text!r} is not a finite number")
    return value


def share(text: str) -> float:
    """Parse a number between 0 and 1."""
    value = finite(text)
    if not 0 < value < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a share between 0 and 1, such as 0.01")
    return value
