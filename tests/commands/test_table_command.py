import csv
import io
import subprocess
import sys
from pathlib import Path

import pytest

from bench.cli import main
from bench.presentation.tables import build_table, tables, tables_of
from bench.results.files import read_results

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "results"


def table(*options):
    return main(["table", *options, "--results", str(RESULTS)])


@pytest.mark.parametrize("name", tables_of(read_results(RESULTS / "ablation")))
def test_every_table_is_printed_from_the_committed_cells(capsys, name):
    assert table(name) == 0
    assert capsys.readouterr().out == build_table(name, read_results(RESULTS / "ablation")).text()


def test_every_form_is_printed(capsys):
    built = build_table("ablation", read_results(RESULTS / "ablation"))
    forms = {
        "text": built.text(),
        "markdown": built.markdown(),
        "csv": built.csv(),
        "latex": built.latex(),
    }
    assert len(set(forms.values())) == 4
    for form, expected in forms.items():
        assert table("ablation", "--format", form) == 0
        assert capsys.readouterr().out == expected
    assert len(list(csv.DictReader(io.StringIO(forms["csv"])))) == 8


def test_an_unknown_table_lists_the_known(capsys):
    assert table("tabel4") == 2
    err = capsys.readouterr().err
    assert "error: table 'tabel4': unknown; there are ablation, loss, " in err
    for name in tables():
        assert name in err


def test_unknown_results_list_those_at_hand(capsys):
    assert table("ablation", "visa") == 2
    err = capsys.readouterr().err
    assert "visa: no results; there are ablation" in err


def test_without_any_results_the_way_to_them_is_told(capsys, tmp_path):
    assert main(["table", "ablation", "--results", str(tmp_path)]) == 2
    assert "no results; run `python -m bench reproduce` first" in capsys.readouterr().err


def test_an_unknown_form_is_refused(capsys):
    with pytest.raises(SystemExit) as caught:
        table("ablation", "--format", "word")
    assert caught.value.code == 2
    assert "invalid choice: 'word'" in capsys.readouterr().err


def test_it_needs_no_torch():
    code = (
        "import sys; from bench.cli import main; code = main(['table', 'ablation']);"
        "sys.exit(code or 9 * any(name.partition('.')[0] == 'torch' for name in sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "Image AUROC" in done.stdout
