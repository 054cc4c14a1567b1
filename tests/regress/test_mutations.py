"""Gate A on trial: faults that were really made in such code, and edits that change nothing.

Each edit is made in a copy of the packages, and the gate is run there from nothing; of the rivals,
which the gate's experiment has not, their golden tests.
"""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import pytest

from bench.regress.sources import source_digests

ROOT = Path(__file__).parents[2]
COPIED = ("bench", "destseg", "experiments")


@dataclass(frozen=True)
class Edit:
    """Text of a file that is replaced, every time it occurs."""

    name: str
    file: str
    old: str
    new: str
    options: tuple[str, ...] = ()


MUTATIONS = (
    Edit("loss averaged over the batch", "destseg/losses.py", "3)).sum() for", "3)).mean() for"),
    Edit("minus sign dropped", "destseg/features.py", "[-(t * s) for", "[(t * s) for"),
    Edit(
        "student left in train mode in stage 2",
        "destseg/training.py",
        "        each.student.eval()\n        fits",
        "        each.student.train()\n        fits",
    ),
    Edit(
        "statistics of the student updated in stage 2",
        "destseg/looking.py",
        "            maps = [\n                fusion_maps(",
        "            for student, _ in viewers:\n"
        "                frozen[student].train()(images.clone())\n"
        "                frozen[student].eval()\n"
        "            maps = [\n                fusion_maps(",
    ),
    Edit(
        "range of the anomalies' opacity halved",
        "destseg/anomalies.py",
        "(config.max_original_weight * rng",
        "(0.5 * config.max_original_weight * rng",
    ),
    Edit(
        "image score by maximum",
        "bench/metrics/images.py",
        'wanted = 1 if protocol.image_score == "max" else protocol.top_t',
        "wanted = 1",
    ),
    Edit(
        "scored mask at > 0",
        "bench/metrics/masks.py",
        "resized[0, 0] >= level",
        "resized[0, 0] > 0",
    ),
    Edit("training mask at > 0", "destseg/losses.py", "(small >= 0.5)", "(small > 0)"),
    Edit("rates of the pyramid", "destseg/config.py", "= (6, 12, 18)", "= (2, 4, 6)"),
    Edit(
        "4-connectivity",
        "bench/metrics/regions.py",
        "2 if connectivity == 8 else 1",
        "1",
    ),
    Edit(
        "seed leak between variants",
        "destseg/training.py",
        "        torch.manual_seed(seed)\n        return Student",
        '        torch.manual_seed(seed + (kind == "encoder"))\n        return Student',
    ),
    Edit(
        "global random state leaks into the networks",
        "destseg/training.py",
        "    with torch.random.fork_rng(devices=[]):\n        torch.manual_seed(seed)\n"
        "        return Segmentation",
        "    if True:\n        return Segmentation",
    ),
)

RIVALS = {
    "stfpm": (
        Edit(
            "loss by half",
            "bench/methods/stfpm/student.py",
            "torch.stack([distance.mean() for",
            "torch.stack([0.5 * distance.mean() for",
        ),
        Edit(
            "levels added instead of multiplied",
            "bench/methods/stfpm/student.py",
            "product * F.interpolate(",
            "product + F.interpolate(",
        ),
    ),
    "patchcore": (
        Edit(
            "pooled after the levels are brought to one size",
            "bench/methods/patchcore/embedding.py",
            'F.interpolate(patches(level, side), size=grid, mode="bilinear")',
            'patches(F.interpolate(level, size=grid, mode="bilinear"), side)',
        ),
        Edit(
            "crop a pixel off the centre",
            "bench/methods/patchcore/embedding.py",
            "(height - side) // 2, (width - side) // 2",
            "(height - side) // 2 + 1, (width - side) // 2",
        ),
    ),
    "draem_golden": (
        Edit(
            "structural similarity by half",
            "bench/methods/draem/training.py",
            "found.l2 + found.ssim + found.focal",
            "found.l2 + 0.5 * found.ssim + found.focal",
        ),
        Edit(
            "range of images below 0",
            "bench/methods/draem/losses.py",
            "images.min() < -0.5",
            "images.min() < 0",
        ),
    ),
    "dsr_golden": (
        Edit(
            "the nearest codes are replacements too",
            "bench/methods/dsr/anomalies.py",
            "first = int(LEFT_OUT * codes)",
            "first = 0",
        ),
    ),
}
"""By the name of the tests that must see them."""

HARMLESS = (
    Edit("a comment", "destseg/losses.py", "    entropy = ", "    # An entropy.\n    entropy = "),
    Edit("a docstring", "destseg/features.py", "Product of the levels' distances", "Multiplied"),
    Edit("a local name", "bench/metrics/images.py", "largest", "top_pixels"),
    Edit("a private name", "destseg/anomalies.py", "_sampled", "_taken"),
    Edit(
        "formatting",
        "destseg/segmentation.py",
        "torch.cat(branches, dim=1)",
        "torch.cat(\n            branches,\n            dim=1,\n        )",
    ),
    Edit(
        "a function out of an expression",
        "destseg/features.py",
        "    product = distances[0]\n    for distance in distances[1:]:\n"
        "        product = product * resize_like(distance, distances[0])\n    return product\n",
        "    product = distances[0]\n    for distance in distances[1:]:\n"
        "        product = _times(product, distance, distances[0])\n    return product\n\n\n"
        "def _times(product: Tensor, distance: Tensor, first: Tensor) -> Tensor:\n"
        "    return product * resize_like(distance, first)\n",
    ),
    Edit(
        "a loop instead of a comprehension",
        "destseg/losses.py",
        "    return torch.stack([d.mean(dim=(1, 2, 3)).sum() for d in distances]).sum()\n",
        "    sums = []\n    for d in distances:\n        sums.append(d.mean(dim=(1, 2, 3)).sum())\n"
        "    return torch.stack(sums).sum()\n",
    ),
    Edit("a message", "destseg/descent.py", "lower the learning rate", "take smaller steps"),
    Edit("a factor rewritten", "destseg/anomalies.py", "2 * math.pi * rng", "math.tau * rng"),
    Edit("another number of jobs", "README.md", "", "", ("--jobs", "1")),
)


def make(edit: Edit, folder: Path, *also: str) -> None:
    """Make an edit in a copy of the packages, and of other folders."""
    for part in (*COPIED, *also):
        shutil.copytree(ROOT / part, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
    if edit.old:
        file = folder / edit.file
        text = file.read_text(encoding="utf-8")
        assert edit.old in text, f"{edit.file} no longer says {edit.old!r}: mend the trial"
        file.write_text(text.replace(edit.old, edit.new), encoding="utf-8")


def gate(folder: Path, edit: Edit) -> tuple[int, dict, str]:
    """Run the gate where an edit was made."""
    make(edit, folder)
    # What changed since the baseline was written is not on trial.
    baseline = folder / "experiments" / "baselines" / "smoke.json"
    table = json.loads(baseline.read_text(encoding="utf-8"))
    baseline.write_text(json.dumps({**table, "sources": source_digests()}), encoding="utf-8")
    report = folder / "report"
    options = edit.options or ("--jobs", "2")
    command = [sys.executable, "-m", "bench", "regress", "--report", str(report), *options]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert (report / "report.json").is_file(), done.stderr
    answer = json.loads((report / "report.json").read_text(encoding="utf-8"))
    return done.returncode, answer, done.stdout


@pytest.mark.slow
@pytest.mark.parametrize("edit", MUTATIONS, ids=lambda edit: edit.name)
def test_fault_is_caught(edit, tmp_path):
    code, answer, said = gate(tmp_path, edit)
    print(said)
    assert (code, answer["verdict"]) == (1, "regression")
    assert answer["cause"]["sources"] == [edit.file]
    assert f"first source component that changed: {edit.file}" in said


@pytest.mark.slow
@pytest.mark.parametrize(
    ("tests", "edit"),
    [pytest.param(tests, edit, id=edit.name) for tests, edits in RIVALS.items() for edit in edits],
)
def test_fault_in_a_rival_is_caught_by_its_golden_tests(tests, edit, tmp_path):
    make(edit, tmp_path, "tests")
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [*command, f"tests/methods/test_{tests}.py"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    print(done.stdout)
    assert done.returncode == pytest.ExitCode.TESTS_FAILED
    assert f"FAILED tests/methods/test_{tests}.py::" in done.stdout


@pytest.mark.slow
@pytest.mark.parametrize("edit", HARMLESS, ids=lambda edit: edit.name)
def test_harmless_edit_passes(edit, tmp_path):
    code, answer, said = gate(tmp_path, edit)
    print(said)
    assert (code, answer["verdict"]) == (0, "pass")
    assert not answer["changes"]
    assert not answer["missing"]


@pytest.mark.parametrize(
    "edit", [*MUTATIONS, *chain(*RIVALS.values()), *HARMLESS], ids=lambda edit: edit.name
)
def test_trial_still_applies(edit):
    """The text is there, and the edited module is one: seen without running the trials."""
    text = (ROOT / edit.file).read_text(encoding="utf-8")
    assert edit.old in text
    if edit.file.endswith(".py"):
        compile(text.replace(edit.old, edit.new), edit.file, "exec")
