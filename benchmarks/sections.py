"""The sections there are, and how they are measured."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from benchmarks.figures import LOAD, Benchmark, Section, Setting
from benchmarks.timing import in_one_thread

if TYPE_CHECKING:
    from collections.abc import Sequence

SECTIONS = (
    Section("steps", "both training stages at 256 px against the authors' full work"),
    Section("rivals", "training steps of STFPM, DRAEM and DSR at their authors' sizes"),
    Section("data", "training samples on one thread against the authors' way"),
    Section("metrics", "the six metrics against other exact implementations", alone=False),
    Section("grid", "16 small cells from nothing, one worker and two", alone=False),
    Section("predict", "den+ed+seg at 256 px, one image and 32"),
    Section("store", "reading 10,000 records"),
)


def run_sections(sections: Sequence[Section], setting: Setting) -> Benchmark:
    """Measure sections one after the other, in processes of one thread."""
    from bench.running.isolation import alone

    load = f"{os.getloadavg()[0]:.1f}"
    found = {}
    for section in sections:
        print(f"{section.name}: {section.about}", file=sys.stderr, flush=True)
        found[section.name] = (
            alone(in_one_thread, section.measure, setting)
            if section.alone
            else section.measure(setting)
        )
    commit, machine = _where(setting.device)
    return Benchmark(commit, {**machine, LOAD: load}, setting, found)


def _where(device: str) -> tuple[str, dict[str, str]]:
    """Name the commit, and the machine in a few words."""
    from bench.common.provenance import device_name, provenance

    known = provenance()
    commit = known["commit"] + (" with changes" if known["dirty"] == "yes" else "")
    machine = {name: known[name] for name in ("cpu", "cpu_capability", "python", "torch", "numpy")}
    return commit, {"device": device_name(device), **machine}
