"""All that a GPU lent for some minutes is good for, in one command.

Checks that CPU and GPU agree; trains the paper's setting on bottle, all eight variants, one seed,
in bfloat16, until shortly before the time is over; measures the short benchmark in what is left.
What is small enough to be carried home is left in one folder.
"""

import argparse
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from bench.commands.parsers import typed
from bench.common.exit_codes import DONE, FAILURES
from benchmarks.agreement import CATEGORY, check, told_checks
from benchmarks.carrying import Carried, pack
from benchmarks.figures import Figure, Setting, markdown, write_benchmark
from benchmarks.sections import SECTIONS, run_sections
from destseg.application.devices import choose_device
from destseg.errors import InputError

SHORT = ("steps", "data", "predict", "rivals")
"""Sections of the short benchmark, the most telling first."""

SECTION = 45.0
"""Seconds that each of them may take, about: none is begun with less left."""

CLOSING = 45.0
"""Seconds that are kept for the tables and the archives."""

RESERVE = 20.0
"""Of those, seconds for the archives."""

APART = 0.2
"""Seconds between two signals; closer ones are one."""

EXAMPLES = """
examples:
  python -m benchmarks lease --data mvtec_ad --textures dtd --teacher imagenet.pth --out home
      nine minutes on the GPU; the same command again goes on where it was ended
  python -m benchmarks lease --data mvtec_ad --textures dtd --teacher imagenet.pth --out home \
      --seed 1
      the next seed, at another occasion
  python -m benchmarks lease --device cpu --smoke --out home
      the same way on the smallest sizes, without data: a rehearsal

In the folder: lease.md with all tables, benchmark.json, carried-N.tar. At home each archive is
unpacked in the folder of results, `tar -xf carried-1.tar -C results`.

exit codes: 0 all agrees and the grid is finished, 2 bad input or usage, 3 something deviates or
the grid is not finished
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return the exit code."""
    start = time.monotonic()
    options = _options(arguments)
    choose_device(options.device)
    options.out.mkdir(parents=True, exist_ok=True)
    page = _Page(options.out / "lease.md")
    setting = Setting(options.device, rounds=1 if options.smoke else 2, smoke=options.smoke)

    def left() -> float:
        return 60 * float(options.minutes) - (time.monotonic() - start)

    def agreement() -> bool:
        checks = check(options.device, smoke=options.smoke)
        page.say(told_checks(checks))
        return all(each.passed for each in checks)

    def grid() -> bool:
        command = reproduction(options)
        page.say(f"`{typed(*command[3:])}`")
        try:
            code = run_for(command, left() - CLOSING) if left() > CLOSING else FAILURES
        except subprocess.TimeoutExpired:
            code = FAILURES
        ending = "finished" if code == DONE else f"not finished (exit code {code}): run this again"
        page.say(f"{time.monotonic() - start:.0f} s; the grid is {ending}")
        for table in sorted(options.work.glob("*/tables/*.md")):
            page.say(table.read_text(encoding="utf-8").strip())
        page.say(_told(pack(options.work, options.out)))
        return code == DONE

    def benchmark() -> bool:
        found: dict[str, tuple[Figure, ...]] = {}
        by_name = {section.name: section for section in SECTIONS}
        for section in map(by_name.__getitem__, SHORT):
            if left() < SECTION:
                page.say(f"{section.name}: no time left to measure it")
                return False
            measured = run_sections([section], setting)
            found |= measured.sections
            measured = replace(measured, sections=found)
            write_benchmark(measured, options.out / "benchmark.json")
            page.say(markdown(replace(measured, sections={section.name: found[section.name]})))
        return True

    good = [page.attempt(work) for work in (agreement, grid, benchmark)]
    return DONE if all(good) else FAILURES


class _Page:
    """What is printed, and kept part by part: what comes after may not end."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._parts: list[str] = []

    def say(self, text: str) -> None:
        """Print a part."""
        print(f"\n{text}", flush=True)
        self._parts.append(text)
        self._path.write_text("\n\n".join([*self._parts, ""]), encoding="utf-8")

    def attempt(self, work: Callable[[], bool]) -> bool:
        """Do one thing; whatever goes wrong is told, and the time is there for the next."""
        try:
            return work()
        except Exception as error:
            traceback.print_exc()
            self.say(f"{work.__name__}: {type(error).__name__}: {error}")
            return False


def reproduction(options: argparse.Namespace) -> list[str]:
    """Return the command line that runs the grid."""
    command = [sys.executable, "-m", "bench", "reproduce"]
    if options.smoke:
        command += ["smoke", "--method", "DeSTSeg", "--variant", "none", "--category", CATEGORY]
    else:
        command += ["bottle", "--data", str(options.data), "--textures", str(options.textures)]
        command += ["--teacher", str(options.teacher), "--precision", "bf16"]
    command += ["--seed", str(options.seed), "--device", options.device]
    return [*command, "--results", str(options.work)]


def run_for(command: Sequence[str], seconds: float) -> int:
    """Run a command for so long at most, and return its exit code.

    Then it is asked twice to end, as by Ctrl-C: a run stops its stages and writes its tables.

    Raises
    ------
    subprocess.TimeoutExpired
        When it did not end, and was killed.
    """
    process = subprocess.Popen(command)  # noqa: S603
    try:
        return process.wait(seconds)
    except subprocess.TimeoutExpired:
        # No longer apart, or the second would meet the tables of a run whose stages have ended.
        process.terminate()
        time.sleep(APART)
        process.terminate()
        return process.wait(CLOSING - RESERVE)
    finally:
        process.kill()  # nothing, where it has ended
        process.wait()


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks lease",
        description=f"{__doc__}{EXAMPLES}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--data", type=Path, metavar="DIR", help="MVTec AD; bottle will do")
    parser.add_argument("--textures", type=Path, metavar="DIR", help="DTD")
    parser.add_argument("--teacher", metavar="PATH", help="ImageNet's ResNet-18")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="what goes home")
    parser.add_argument(
        "--work",
        type=Path,
        default=Path("build", "lease"),
        metavar="DIR",
        help="results with all weights, from which the next call goes on; default: build/lease",
    )
    parser.add_argument(
        "--minutes", type=float, default=9.0, metavar="M", help="for everything; default: 9"
    )
    parser.add_argument(
        "--seed", type=int, default=0, metavar="N", help="what is trained; default: 0"
    )
    parser.add_argument("--device", default="cuda", help="default: cuda")
    parser.add_argument("--smoke", action="store_true", help="the smallest sizes, without data")
    options = parser.parse_args(arguments)
    missing = [
        f"--{name}" for name in ("data", "textures", "teacher") if getattr(options, name) is None
    ]
    if missing and not options.smoke:
        raise InputError(
            f"{', '.join(missing)}: needed for the paper's setting; or rehearse with --smoke."
        )
    return options


def _told(carried: Carried) -> str:
    lines = [f"- {path.name}: {path.stat().st_size / 2**20:.1f} MiB" for path in carried.archives]
    if carried.left_out:
        lines.append("- left out, for their size:")
        lines += [
            f"  - {path.parent.name[:12]}/{path.name}: {path.stat().st_size / 2**20:.1f} MiB"
            for path in carried.left_out
        ]
    return "\n".join(lines)
