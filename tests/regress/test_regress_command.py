import json

import pytest

from bench.cli import main
from bench.commands import regress
from bench.regress.baseline import read_baseline
from bench.regress.measured import NOTHING
from tests.regress.small_baseline import cells_frame


@pytest.fixture
def cells(tmp_path):
    """Write a run's cells, of some seeds, with some values replaced."""

    def write(seeds=(0, 1), edits=None, **columns):
        frame = cells_frame(seeds=seeds, **columns)
        for (row, name), value in (edits or {}).items():
            frame.loc[row, name] = value
        path = tmp_path / f"cells{len(list(tmp_path.iterdir()))}.csv"
        frame.to_csv(path, index=False)
        return path

    return write


@pytest.fixture
def file(tmp_path, cells):
    path = tmp_path / "base.json"
    command = ["baseline", "--reason", "first", "--cells", str(cells()), "--to", str(path)]
    assert main(command) == 0
    return path


@pytest.fixture(autouse=True)
def no_ci(monkeypatch):
    for name in ("GITHUB_ACTIONS", "GITHUB_STEP_SUMMARY"):
        monkeypatch.delenv(name, raising=False)


def gate(file, path, *options):
    return main(["regress", "--against", str(file), "--cells", str(path), *options])


@pytest.mark.parametrize(
    ("edits", "columns", "code"),
    [
        ({}, {}, 0),
        ({(0, "pro"): 0.9}, {}, 5),
        ({(0, "pro"): 0.1}, {}, 1),
        ({(0, "pro"): None}, {}, 3),
        ({}, {"protocol": "floor v1"}, 4),
    ],
)
def test_exit_codes(file, cells, capsys, edits, columns, code):
    assert gate(file, cells(edits=edits, **columns)) == code
    assert capsys.readouterr().out


@pytest.mark.parametrize("floor", ["nan", "9", "-1", "x"])
def test_a_floor_that_switches_the_gate_off_is_refused(file, cells, floor, capsys):
    with pytest.raises(SystemExit) as caught:
        gate(file, cells(), f"--floor={floor}")
    assert caught.value.code == 2
    assert "--floor" in capsys.readouterr().err


def test_usage(file, tmp_path, capsys):
    assert gate(file, tmp_path / "absent.csv") == 2
    assert main(["regress", "--experiment", "smok"]) == 2
    assert "smok: no such experiment or file; did you mean smoke?" in capsys.readouterr().err


def test_everything_is_written(file, cells, tmp_path, monkeypatch, capsys):
    page = tmp_path / "summary"
    page.write_text("before\n")
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(page))
    folder = tmp_path / "report"
    assert gate(file, cells(edits={(0, "iap"): 0.1}), "--report", str(folder)) == 1
    assert json.loads((folder / "report.json").read_text())["verdict"] == "regression"
    assert "<failure" in (folder / "junit.xml").read_text()
    assert page.read_text().startswith("before\n## Regression gate: regression")
    assert "\n::error title=" in capsys.readouterr().out


def test_a_report_that_cannot_be_written_is_refused_before_anything_is_compared(
    file, cells, tmp_path, capsys
):
    assert gate(file, cells(), "--report", str(file)) == 2
    said = capsys.readouterr()
    assert not said.out
    assert (
        "results cannot be written there (Not a directory); give another folder with --report"
        in (said.err)
    )


def test_new_seeds(tmp_path, cells):
    path = tmp_path / "seeds.json"
    options = ["--comparison", "seeds", "--to", str(path)]
    assert main(["baseline", "--reason", "r", "--cells", str(cells((0, 1, 2))), *options]) == 0
    assert gate(path, cells((3, 4, 5))) == 5
    assert gate(path, cells((3, 4))) == 3


def test_new_seeds_follow_the_baselines(tmp_path, cells, monkeypatch):
    path = tmp_path / "seeds.json"
    options = ["--comparison", "seeds", "--to", str(path)]
    main(["baseline", "--reason", "r", "--cells", str(cells((0, 4))), *options])
    asked = []

    def measured(options, seeds=None):
        asked.extend(seeds)
        return NOTHING

    monkeypatch.setattr(regress, "measured", measured)
    assert main(["regress", "--against", str(path), "--seeds", "4"]) == 3
    assert asked == [5, 6, 7, 8]


def test_baseline_is_rewritten_the_same(file, cells):
    before = file.read_text()
    main(["baseline", "--reason", "first", "--cells", str(cells()), "--to", str(file)])
    assert file.read_text() == before


def test_tolerance_is_measured_once_and_kept(file, cells):
    command = ["baseline", "--reason", "x", "--cells", str(cells()), "--to", str(file)]
    assert main([*command, "--spread", f"sse={cells(edits={(0, 'pro'): 0.51})}"]) == 0
    assert main([*command]) == 0
    tolerance = read_baseline(file).tolerance
    assert tolerance.spread["pro"] == pytest.approx(0.01)
    assert tolerance.runs == ("sse",)
    assert main([*command, "--spread", "nameless.csv"]) == 2


@pytest.mark.parametrize("whole", [False, True])
def test_an_incomplete_baseline_is_not_written(tmp_path, cells, whole):
    path = tmp_path / "base.json"
    source = cells(edits={(0, "pro"): None})
    if whole:
        source.write_text(source.read_text().splitlines()[0] + "\n")
    assert main(["baseline", "--reason", "x", "--cells", str(source), "--to", str(path)]) == 2
    assert not path.exists()


def test_a_reason_is_needed(tmp_path, cells):
    path = tmp_path / "base.json"
    assert main(["baseline", "--reason", " ", "--cells", str(cells()), "--to", str(path)]) == 2


def test_the_command_that_adopts_is_that_of_the_same_run(file, cells, capsys):
    worse = cells(edits={(0, "pro"): 0.1})
    assert gate(file, worse, "--experiment", "smoke") == 1
    said = f"--reason why --experiment smoke --cells {worse} --to {file}"
    assert capsys.readouterr().out.endswith(f"\n  python -m bench baseline {said}\n")
