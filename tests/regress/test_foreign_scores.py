"""docs/gate.md, "Use the gate in your own project": its lines, typed on a small folder."""

import json
import re
import shlex
from pathlib import Path

import numpy as np
import pytest
import tifffile

from bench.cli import main
from bench.data.layout import scan_category

PAGE = (Path(__file__).parents[2] / "docs" / "gate.md").read_text(encoding="utf-8")
SECTION = PAGE[PAGE.index("## Use the gate in your own project") :]


def lines(kind, start):
    (block,) = re.findall(rf"```{kind}\n(.*?)```", SECTION, re.DOTALL)
    return re.findall(rf"^{start}python -m bench (.+)$", block, re.MULTILINE)


@pytest.fixture
def project(mvtec_folder, tmp_path, monkeypatch):
    """A working folder that is called as the page calls it, with maps as a program leaves them."""
    for name in ("GITHUB_ACTIONS", "GITHUB_STEP_SUMMARY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    mvtec_folder.rename("mvtec_ad")

    def write_maps(seed):
        rng = np.random.default_rng(seed)
        for image in scan_category(Path("mvtec_ad/bottle")).test:
            path = Path("maps") / image.relative_to("mvtec_ad").with_suffix(".tiff")
            path.parent.mkdir(parents=True, exist_ok=True)
            tifffile.imwrite(path, rng.standard_normal((40, 36)).astype(np.float32))

    return write_maps


def test_the_lines_of_the_page_guard_a_method_and_name_it(project, capsys):
    project(seed=0)
    for line in lines("sh", ""):
        assert main(shlex.split(line)) == 0
    score, gate = lines("yaml", "      - run: ")
    assert main(shlex.split(score)) == 0
    capsys.readouterr()
    assert main(shlex.split(gate)) == 0
    assert capsys.readouterr().out.startswith("mine: pass: ")
    project(seed=3)
    assert main(shlex.split(score)) == 0
    capsys.readouterr()
    assert main(shlex.split(gate)) == 1
    out = capsys.readouterr().out
    assert out.startswith("mine: regression: numbers got worse. 6 numbers compared")
    assert "what changed is the program that made these scores, or what it was given" in out
    adopt = out.splitlines()[-1].strip()
    assert adopt == (
        "python -m bench baseline --reason why --cells results/score-mine/cells.csv --to gate.json"
    )
    assert main(shlex.split(adopt.removeprefix("python -m bench "))) == 0
    assert main(shlex.split(gate)) == 0
    assert not {"ablation", "smoke", "DeSTSeg"} & {*re.findall(r"\w+", out)}
    report = json.loads(Path("gate/report.json").read_text())
    assert report["experiment"] == "mine"
    assert 'testsuite name="regress mine"' in Path("gate/junit.xml").read_text()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["baseline", "--reason", "x"], "add --to gate.json"),
        (["regress"], "Add --against gate.json"),
    ],
)
def test_cells_of_no_experiment_need_a_baseline_by_name(words, said, capsys):
    assert main([*words, "--cells", "cells.csv"]) == 2
    assert said in capsys.readouterr().err
