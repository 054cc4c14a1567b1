"""What a benchmark finds: figures in sections, kept as JSON, shown as Markdown, compared."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from bench.common.plain_files import read_text
from destseg.atomic import write_atomically
from destseg.errors import InputError

SCHEMA = 1

LOAD = "load before"
"""Of `Benchmark.machine`: what it had to do besides, the load average of the minute before."""


@dataclass(frozen=True)
class Figure:
    """One number that was measured.

    Parameters
    ----------
    name : str
        What of; with the section's name it is found again in another run.
    value : float
        The median, where there were several.
    unit : str
        Of the value; empty for a ratio.
    """

    name: str
    value: float
    unit: str = ""

    def text(self) -> str:
        """Write value and unit, in four digits where it has a fraction."""
        value = f"{self.value:.0f}" if abs(self.value) >= 1000 else f"{self.value:.4g}"
        return f"{value} {self.unit}".strip()


@dataclass(frozen=True)
class Setting:
    """How thoroughly is measured, and where."""

    device: str = "cpu"
    rounds: int = 5
    """Repetitions, of which figures are medians."""
    smoke: bool = False
    """The smallest sizes: figures mean nothing, the way to them is the same."""


@dataclass(frozen=True)
class Section:
    """A part of the benchmark; the module of its name in this package measures it."""

    name: str
    about: str
    alone: bool = True
    """Whether a fresh process measures it; the others start their own."""

    def measure(self, setting: Setting) -> tuple[Figure, ...]:
        """Measure in this process."""
        found: Sequence[Figure] = import_module(f"benchmarks.{self.name}").measure(setting)
        return tuple(found)


@dataclass(frozen=True)
class Benchmark:
    """What one run of the benchmark found, and where."""

    commit: str
    machine: Mapping[str, str]
    """In a few words each: processor, device, versions."""
    setting: Setting
    sections: Mapping[str, tuple[Figure, ...]]

    def figures(self) -> dict[tuple[str, str], Figure]:
        """Return the figures by section and name."""
        return {(name, f.name): f for name, found in self.sections.items() for f in found}


def write_benchmark(benchmark: Benchmark, path: Path) -> None:
    """Write a benchmark as JSON."""
    text = json.dumps({"schema": SCHEMA, **asdict(benchmark)}, indent=1)
    write_atomically(path, f"{text}\n".encode())


def read_benchmark(path: Path) -> Benchmark:
    """Read what `write_benchmark` wrote.

    Raises
    ------
    InputError
        When it is not that.
    """
    try:
        table: dict[str, Any] = json.loads(read_text(path))
        if table.pop("schema") != SCHEMA:
            raise InputError(f"{path}: another version's benchmark; measure both commits anew.")
        sections = {
            name: tuple(Figure(f["name"], float(f["value"]), f["unit"]) for f in found)
            for name, found in table.pop("sections").items()
        }
        return Benchmark(sections=sections, setting=Setting(**table.pop("setting")), **table)
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise InputError(
            f"{path}: not a benchmark ({error!r}); write one with `python -m benchmarks --json`."
        ) from None


def markdown(benchmark: Benchmark) -> str:
    """Write all figures as one table, as it stands in the README."""
    rows = ["| section | figure | |", "| --- | --- | ---: |"]
    for (section, name), figure in benchmark.figures().items():
        rows.append(f"| {section} | {name} | {figure.text()} |")
    return "\n".join([*rows, "", _where(benchmark)])


def comparison(before: Benchmark, now: Benchmark) -> str:
    """Compare the figures of two runs by their ratio, in the lines of a Markdown table.

    What only one of them has is named below it, and so is what else differs.
    """
    old, new = before.figures(), now.figures()
    rows = [
        "| section | figure | before | now | now ÷ before |",
        "| --- | --- | ---: | ---: | ---: |",
    ]
    for place in (place for place in new if place in old):
        ratio = f"{new[place].value / old[place].value:.3f}" if old[place].value else "–"
        cells = (*place, old[place].text(), new[place].text(), ratio)
        rows.append(f"| {' | '.join(cells)} |")
    notes = [f"before: {_where(before)}", f"now: {_where(now)}"]
    for side, one, other in (("before", old, new), ("now", new, old)):
        lone = [" ".join(place) for place in one if place not in other]
        notes += [f"only {side}: {'; '.join(lone)}"] if lone else []
    differing = [
        key
        for key, value in now.machine.items()
        if key != LOAD and before.machine.get(key) != value
    ]
    if before.setting != now.setting:
        differing.append("setting")
    if differing:
        notes.append(f"not the same: {', '.join(differing)}; ratios are of more than the commits")
    return "\n".join([*rows, "", *notes])


def _where(benchmark: Benchmark) -> str:
    words = [f"{key} {value}" for key, value in benchmark.machine.items()]
    size = ", the smallest sizes" if benchmark.setting.smoke else ""
    return (
        f"Commit {benchmark.commit[:12]}; {', '.join(words)}; "
        f"medians of {benchmark.setting.rounds}{size}."
    )
