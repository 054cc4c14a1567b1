"""Whether a device computes what the CPU does: features, losses, the metrics of a small cell."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import torch
from torch import Tensor

from bench.experiment.library import baseline_of, find_experiment
from bench.regress.baseline import Baseline, read_baseline
from bench.regress.fresh_run import measure
from bench.regress.measured import Measured, told
from benchmarks.data import FULL
from benchmarks.steps import (
    one_batch,
    repeated,
    several_batches,
    training_config,
    untrained,
)
from destseg import recording
from destseg.config import ModelConfig, Rotation
from destseg.features import LEVELS
from destseg.model import DeSTSeg
from destseg.precision import arithmetic
from destseg.recording import BEFORE
from destseg.training import train_segmentation, train_student

ALLOWED = 1e-3
"""Relative deviation of features and losses."""

STEPS = 2
"""Losses of a stage until the last is compared, after one update. A further one of stage 1, at the
paper's rate, makes 5e-4 of the last digit of the images on a CPU alone."""

CATEGORY = "carpet"
"""Whose smoke cells are compared."""


@dataclass(frozen=True)
class Check:
    """A deviation, and how large it may be."""

    name: str
    deviation: float
    allowed: float

    @property
    def passed(self) -> bool:
        """Whether it is within; what is no number is not."""
        return self.deviation <= self.allowed


def check(device: str, *, smoke: bool) -> list[Check]:
    """Compare a device with the CPU, in float32.

    The cells' metrics are compared with the committed baseline of the gate, by its tolerance.
    """
    model = ModelConfig(4, 4, (1, 2)) if smoke else ModelConfig()
    side = 64 if smoke else 128
    checks = [_batches(side, device, Rotation()), _batches(side, device, FULL)]
    checks += [*_features(model, side, device), *_losses(model, side, device)]
    checks += [_again(model, side, device)]
    options = ["--method", "DeSTSeg", "--category", CATEGORY, "--seed", "0", "--device", device]
    options += ["--variant", "none"] if smoke else []
    path = find_experiment(Path("smoke"))
    return [*checks, *cells(read_baseline(baseline_of(path)), measure(path, options))]


def cells(baseline: Baseline, now: Measured) -> list[Check]:
    """Compare the cells of a run with a baseline's: of each the metric that is most off.

    A run without cells, of other images or without a metric passes nothing.
    """
    if not now.cells or now.images.items() - baseline.measured.images.items():
        return [Check("metrics of the smoke grid: no cells of the baseline's images", 1.0, 0.0)]
    checks = []
    for cell, values in now.cells.items():
        found = []
        for metric, old in baseline.measured.cells[cell].items():
            new, allowed = values.get(metric), baseline.tolerance.allowed(metric)
            deviation = 1.0 if new is None or old is None else abs(new - old)
            found.append(Check(f"{metric} of {told(cell)}", deviation, allowed))
        checks.append(max(found, key=lambda each: each.deviation / each.allowed))
    return checks


def told_checks(checks: list[Check]) -> str:
    """Write checks as a Markdown table."""
    rows = ["| CPU and device | deviation | allowed | |", "| --- | ---: | ---: | --- |"]
    for each in checks:
        verdict = "pass" if each.passed else "**fail**"
        rows.append(f"| {each.name} | {each.deviation:.1e} | {each.allowed:.1e} | {verdict} |")
    return "\n".join(rows)


def _features(config: ModelConfig, side: int, device: str) -> list[Check]:
    """Compare what each network says of a batch."""
    found = []
    for where in ("cpu", device):
        model = untrained(config).to(where).eval()
        images = one_batch(side, 4, "cpu").corrupted.to(where)
        with torch.no_grad(), arithmetic("float32", where):
            levels = [*model.teacher_net(images), *model.student_net(images)]
            found.append([each.cpu() for each in (*levels, model(images).segmentation)])
    names = [f"{net}, level {k + 1}" for net in ("teacher", "student") for k in range(LEVELS)]
    return [
        Check(name, _relative(one, other), ALLOWED)
        for name, one, other in zip([*names, "segmentation net"], *found, strict=True)
    ]


def _batches(side: int, device: str, rotation: Rotation) -> Check:
    """Compare batches drawn by other processes and finished on the device with the CPU's."""
    found = [several_batches(side, 4, 3, where, rotation) for where in ("cpu", device)]
    same = all(
        torch.equal(part.cpu(), other.cpu())
        for pair in zip(*found, strict=True)
        for part, other in zip(*pair, strict=True)
    )
    of = "" if rotation == Rotation() else " of turned images"
    return Check(f"training batches{of}, bit by bit", 0.0 if same else 1.0, 0.0)


def _losses(config: ModelConfig, side: int, device: str) -> list[Check]:
    """Compare the last losses of both stages, each from fresh weights and on one batch."""
    found: dict[str, list[float]] = {"stage 1": [], "stage 2": []}
    for where in ("cpu", device):
        batch = one_batch(side, 4, "cpu")
        moved = type(batch)(*(part.to(where) for part in batch))
        for name, losses in found.items():
            losses.append(_loss(name, untrained(config).to(where), list(repeated(moved, STEPS))))
    return [
        Check(f"loss of {name} after {STEPS - 1} update", abs(a - b) / abs(a), ALLOWED)
        for name, (a, b) in found.items()
    ]


def _again(config: ModelConfig, side: int, device: str) -> Check:
    """Train both stages twice, so long that updates are recorded, and without recording."""
    batches = several_batches(side, 4, BEFORE + 3, device)

    def trained() -> list[Tensor]:
        model = untrained(config).to(device)
        teacher, student, net = model.teacher_net, model.student_net, model.segmentation_net
        train_student(teacher, student, batches, training_config(4), den=True)
        train_segmentation(teacher, student, net, batches, training_config(4))
        return list(model.state_dict().values())

    with mock.patch.object(recording, "BEFORE", len(batches)):
        plain = trained()
    again = (trained(), trained())
    same = all(torch.equal(*pair) for found in again for pair in zip(plain, found, strict=True))
    return Check("both stages trained again, bit by bit", 0.0 if same else 1.0, 0.0)


def _loss(stage: str, model: DeSTSeg, batches: Any) -> float:
    last: list[float] = []
    config = training_config(len(batches[0].mask))
    teacher, student = model.teacher_net, model.student_net

    def note(_: int, loss: float) -> None:
        last.append(loss)

    if stage == "stage 1":
        train_student(teacher, student, batches, config, den=True, on_step=note)
    else:
        net = model.segmentation_net
        train_segmentation(teacher, student, net, batches, config, on_step=note)
    return last[-1]


def _relative(one: Tensor, other: Tensor) -> float:
    return float((one - other).abs().max() / one.abs().max())
