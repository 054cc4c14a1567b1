"""What an installed package has, and has not, without a checkout around it."""

import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from bench.experiment.library import EXPERIMENTS

ROOT = Path(__file__).parents[1]

builders = pytest.importorskip("hatchling.builders.wheel")


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The folder that the wheel is unpacked to."""
    folder = tmp_path_factory.mktemp("wheel")
    (wheel,) = builders.WheelBuilder(str(ROOT)).build(directory=str(folder), versions=["standard"])
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "site")
    return folder / "site"


def test_it_has_the_experiments_and_baselines(installed):
    files = [path for path in EXPERIMENTS.rglob("*") if path.is_file()]
    assert len(files) > 5
    for path in files:
        copy = installed / "bench" / "experiments" / path.relative_to(EXPERIMENTS)
        assert copy.read_bytes() == path.read_bytes()


def test_it_has_the_packages_and_no_more(installed):
    folders = {path.name for path in installed.iterdir() if path.suffix != ".dist-info"}
    assert folders == {"bench", "destseg"}
    assert not [path for path in installed.rglob("*") if path.name in ("benchmarks", "tests")]


def test_its_page_has_no_link_into_the_repository(installed):
    (metadata,) = installed.glob("*.dist-info/METADATA")
    page = metadata.read_text(encoding="utf-8")
    assert "python -m nox -s reproduce" in page
    assert re.findall(r"\]\((?!https?://)[^)]*\)", page) == []


@pytest.mark.slow
def test_experiments_are_found_by_name(installed, tmp_path):
    def bench(*arguments):
        return subprocess.run(
            [sys.executable, "-m", "bench", *arguments],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(installed)},
            capture_output=True,
            text=True,
            check=False,
        )

    assert "evaluation" in bench("plan", "mvtec").stdout
    # The gate reads its baseline before the cells.
    assert bench("regress", "--cells", "none.csv").stderr.startswith("error: none.csv: ")
