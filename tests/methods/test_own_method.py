"""A method of one module, in a folder of its own, joins everything with no other file touched."""

import re
import shutil
from pathlib import Path

import pandas as pd
import pytest

from bench.cli import main
from tests.conftest import EXAMPLE

PAGE = (Path(__file__).parents[2] / "docs" / "add-a-method.md").read_text(encoding="utf-8")

GRID = """\
methods = ["DeSTSeg", "mean-patch"]
[grid.variants]
DeSTSeg = ["none", "den+ed+seg"]
"""


@pytest.fixture
def run(with_example, write_tiny, tmp_path, capsys):
    """Run a command on an experiment of DeSTSeg and the example method."""
    tables = 'tables = ["main", "image", "pixel", "categories", "intervals"]'
    path = write_tiny(
        {
            'title = "tiny"': f'title = "tiny"\n{tables}',
            "seeds = [0, 1]": f"seeds = [0, 1]\n{GRID}",
            "top_t = 10": "top_t = 10\n[methods.mean-patch]\nside = 2",
        },
        name="both",
    )
    results = tmp_path / "results"

    def run(command, *options, experiment=True, code=0):
        words = [command, *([str(path)] if experiment else []), *options]
        if command not in ("regress", "baseline"):
            words += ["--results", str(results)]
        assert main(words) == code
        return capsys.readouterr().out

    return run


@pytest.mark.usefixtures("page_alone")
def test_from_grid_to_gate(run, filled, tmp_path, request):
    shutil.copytree(filled.root, tmp_path / "results" / "runs")
    assert "mean-patch.maps" in run("plan")
    assert "mean-patch.means" in run("status", code=3)
    out = run("reproduce", "--in-process")
    assert "4 cells computed; 8 were there" in out
    assert "mean-patch" in out
    status = {line.split()[0]: line.split()[1:] for line in run("status").splitlines() if line}
    assert status["mean-patch.means"][0] == "2", "one for each category, whatever the seed"
    assert status["student"][0] == "8"
    assert "mean-patch.maps: done" in run("explain", "tile", "mean-patch", "1")

    folder = tmp_path / "results" / "both"
    cells = pd.read_csv(folder / "cells.csv", keep_default_na=False)
    mine = cells[cells["method"] == "mean-patch"]
    assert len(cells) == 12
    assert set(mine["variant"]) == set(mine["den"]) == set(mine["student"]) == {""}
    assert mine.groupby("category")["pixel_ap"].nunique().eq(1).all(), "the same for every seed"
    for table in ("main", "image", "pixel"):
        shown = run("table", table, "both", experiment=False)
        assert "mean-patch" in shown
        assert "DeSTSeg" in shown
        assert "mean-patch draws nothing at random" in " ".join(shown.split())
    page = (folder / "report.html").read_text()
    assert page.count("mean-patch") > 5

    cells_file = str(folder / "cells.csv")
    baseline = str(tmp_path / "both.json")
    asked = ("--experiment", str(tmp_path / "both.toml"), "--cells", cells_file)
    run("baseline", *asked, "--to", baseline, "--reason", "first", experiment=False)
    assert "pass" in run("regress", *asked, "--against", baseline, experiment=False)
    worse = cells.assign(pixel_ap=cells["pixel_ap"].where(cells["method"] != "mean-patch", 0.0))
    worse.to_csv(cells_file, index=False)
    told = run("regress", *asked, "--against", baseline, experiment=False, code=1)
    assert "mean-patch  bottle" in told
    request.getfixturevalue("undrawn")
    assert "0 cells computed; 4 were there" in run("reproduce", "--method", "mean-patch")


def test_the_page_shows_the_whole_example():
    whole, by_maps = re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL)
    assert whole == (EXAMPLE / "mean_patch.py").read_text(encoding="utf-8")
    assert len(by_maps.splitlines()) < len(whole.splitlines()) < 55


def test_maps_come_in_as_the_page_says(mvtec_folder, tmp_path, monkeypatch, capsys):
    (tmp_path / "data").mkdir()
    mvtec_folder.rename(tmp_path / "data" / "mvtec_ad")
    monkeypatch.chdir(tmp_path)
    _, by_maps = re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL)
    exec(by_maps, {})
    (command,) = re.findall(r"^python -m bench (score .*)$", PAGE, flags=re.MULTILINE)
    assert main(command.split()) == 0
    assert "bottle" in capsys.readouterr().out
    cells = pd.read_csv("results/score-mine/cells.csv", keep_default_na=False)
    assert cells["method"].tolist() == ["mine"]
