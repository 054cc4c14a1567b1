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
    assert len(list(csv.DictReader(io.StringIO(forms["csv"])))) == 10


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["tabel4"], ("error: table 'tabel4': unknown; there are ablation, loss, ", *tables())),
        (["ablation", "visa"], ("visa: no results; there are ablation",)),
        (
            ["ablation", "--results", "nowhere"],
            ("no results; run `python -m bench reproduce` first",),
        ),
    ],
)
def test_what_is_unknown_is_refused_with_what_is_known(capsys, arguments, said):
    assert main(["table", "--results", str(RESULTS), *arguments]) == 2
    err = capsys.readouterr().err
    for part in said:
        assert part in err


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
