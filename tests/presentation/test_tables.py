import csv
import io
import re
import shutil
import subprocess
from dataclasses import dataclass, replace
from itertools import product
from operator import attrgetter
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bench.methods import methods
from bench.methods.interface import Claim, Comparison, Method
from bench.metrics import ALL_METRICS, METRICS, PROTOCOLS, Protocol
from bench.paper.published import MVTEC_CATEGORIES
from bench.presentation import latex
from bench.presentation.category_tables import category_table
from bench.presentation.method_tables import main_table
from bench.presentation.table import FORMATS
from bench.presentation.tables import build_table, tables, tables_of, write_tables
from bench.results.files import read_results
from bench.results.joining import join
from destseg.errors import InputError
from tests.presentation import tabulated
from tests.presentation.tabulated import ABLATION, CELLS, FEW_UPDATES, of, rival

NAMES = ("ablation", "main", "categories", "effects")

MINIATURE = replace(
    tabulated.MINIATURE,
    dataset="miniature v1, 64 px",
    variants={"DeSTSeg": tuple(reversed(ABLATION))},
    provenance=("Command: python -m bench reproduce", "Setting: 0123abc & 100% {clean}_tree"),
)
MVTEC = replace(MINIATURE, dataset="MVTec AD, 256 px", standing="original")
BOTTLE = replace(MVTEC, categories=("bottle",), seeds=(0,))


@pytest.fixture
def incomplete():
    gone = (CELLS["variant"] == "den") & (CELLS["seed"] == 1) & (CELLS["category"] == "cable")
    gone |= CELLS["variant"] == "ed"
    return CELLS[~gone]


def seed_means(cells, variant, metric):
    return 100 * cells[cells["variant"] == variant].groupby("seed")[metric].mean()


def flat(table):
    """Text without the line breaks of its notes."""
    return " ".join(table.text().split())


def rows(table):
    return list(csv.DictReader(io.StringIO(table.csv())))


def under(results, protocol):
    return of(results, results.cells.assign(protocol=protocol.label), protocol=protocol)


def row(table, name):
    frame = table.formatted
    return frame[frame.iloc[:, 0] == name].iloc[0]


def test_ablation_has_the_papers_rows_in_its_order_with_check_marks():
    frame = build_table("ablation", MINIATURE).formatted
    assert frame["Variant"].tolist() == [
        "none", "den", "ed", "seg", "den+ed", "den+seg", "ed+seg", "den+ed+seg",
    ]  # fmt: skip
    marks = ["".join("01"[mark == "✓"] for mark in line) for line in frame.iloc[:, 1:4].to_numpy()]
    assert marks == ["000", "100", "010", "001", "110", "101", "011", "111"]
    assert frame.columns[1:].tolist() == ["den", "ed", "seg", "Image AUROC", "Pixel AP", "IAP"]


def test_ablation_prints_mean_and_sample_std_in_percent():
    table = build_table("ablation", MINIATURE)
    for variant, metric in product(ABLATION, MINIATURE.headline):
        means = seed_means(CELLS, variant, metric.key)
        printed = row(table, variant)[metric.display]
        assert printed == f"{means.mean():.1f} ± {means.std():.1f}"


def test_only_the_variants_asked_for_are_shown_and_one_that_is_not_is_named():
    two = replace(MINIATURE, variants={"DeSTSeg": ("seg", "none")})
    assert build_table("ablation", two).formatted["Variant"].tolist() == ["none", "seg"]
    assert "Not part of this run: den+ed+seg." in flat(main_table(two))


def test_main_table_has_six_metrics_and_a_row_for_each_method():
    table = main_table(join(replace(rival(), standing="own"), [MINIATURE]))
    assert table.formatted["Method"].tolist() == ["DeSTSeg", "PatchCore"]
    assert table.formatted.columns[1:].tolist() == [metric.display for metric in METRICS]
    for method, variant in (("DeSTSeg", "den+ed+seg"), ("PatchCore", "")):
        means = seed_means(pd.concat([CELLS, rival().cells]), variant, "pro")
        assert row(table, method)["PRO"] == f"{means.mean():.1f} ± {means.std():.1f}"


def test_category_table_has_each_category_and_their_average():
    table = category_table(MINIATURE)
    assert table.formatted["Category"].tolist() == [*MVTEC_CATEGORIES, "average"]
    full = CELLS[CELLS["variant"] == "den+ed+seg"]
    own = 100 * full[full["category"] == "screw"]["iap90"]
    assert row(table, "screw")["IAP@90"] == f"{own.mean():.1f} ± {own.std():.1f}"
    means = seed_means(CELLS, "den+ed+seg", "iap90")
    assert row(table, "average")["IAP@90"] == f"{means.mean():.1f} ± {means.std():.1f}"


def test_one_seed_shows_no_spread_and_says_so():
    heading = replace(MINIATURE, seeds=(1,))
    for name in tables_of(MINIATURE):
        text = flat(build_table(name, heading))
        assert "1 seed (1)" in text
        assert "no interval" in text
        assert not re.search(r"\d ± \d", text)
    assert set(build_table("effects", heading).formatted["95 %, these categories"]) == {"—"}


def test_incomplete_cells_are_marked_and_never_averaged(incomplete):
    table = build_table("ablation", of(MINIATURE, incomplete))
    means = seed_means(CELLS, "den", "pixel_ap")[[0, 2]]
    expected = f"{means.mean():.1f} ± {means.std():.1f} (2 of 3 seeds)"
    assert row(table, "den")["Pixel AP"] == expected
    assert row(table, "ed")["Pixel AP"] == "—"
    assert "(" not in row(table, "none")["Pixel AP"]
    assert "INCOMPLETE: 46 of 360 cells" in flat(table)
    assert "INCOMPLETE" not in flat(build_table("ablation", MINIATURE))
    lines = {line["variant"]: line for line in rows(table)}
    assert (lines["ed"]["iap_mean"], lines["ed"]["iap_seeds"]) == ("", "0")
    assert lines["den"]["iap_seeds"] == "2"
    # An effect is never estimated from the other variants.
    effects = build_table("effects", of(MINIATURE, incomplete)).formatted
    assert set(effects["Effect"]) == set(effects["Improved"]) == {"—"}
    for name in tables_of(MINIATURE):
        assert "1 of 3 seeds" in flat(build_table(name, of(MINIATURE, CELLS[CELLS["seed"] == 0])))


def test_without_a_finished_cell_there_is_no_table_of_dashes():
    first = CELLS[CELLS["category"] == "bottle"]
    for name in tables_of(MINIATURE):
        nothing = build_table(name, of(MVTEC, CELLS[:0]))
        for form in (nothing.text(), nothing.markdown(), nothing.latex()):
            assert "none of 360 cells are finished" in " ".join(form.split())
            assert "—" not in form
        assert not build_table(name, MINIATURE).nothing
    begun = build_table("ablation", of(MINIATURE, first))
    assert begun.nothing == "Nothing to show yet: 24 of 360 cells are finished."
    assert not build_table("categories", of(MINIATURE, first)).nothing


def test_of_networks_that_hardly_train_every_table_says_so_first():
    for name in tables_of(MINIATURE):
        table = build_table(name, replace(MINIATURE, settings=FEW_UPDATES))
        assert table.notes[0].startswith("NUMBERS WITHOUT MEANING: networks hardly train in so few")
        assert "(DeSTSeg: student steps 1, segmentation steps 2)" in table.notes[0]
    enough = {"configs": {"DeSTSeg": {"training": {"student_steps": 75, "steps": None}}}}
    said = flat(build_table("main", replace(MINIATURE, settings=enough)))
    assert "WITHOUT MEANING" not in said
    trains_nothing = {"configs": {"pixel-nn": {"diffusion_steps": 4}}}
    said = flat(build_table("main", replace(MINIATURE, settings=trains_nothing)))
    assert "WITHOUT MEANING" not in said


def test_one_pass_over_the_images_is_hardly_a_training():
    said = {"STFPM": {"epochs": 1}, "DRAEM": {"epochs": 1, "steps": None}, "DSR": {"steps": 9}}
    for name, settings in said.items():
        results = replace(rival(name), settings={"configs": {name: settings}})
        first = build_table("main", results).notes[0]
        assert first.startswith("NUMBERS WITHOUT MEANING")
        kind = {
            "STFPM": "student epochs 1",
            "DRAEM": "training epochs 1",
            "DSR": "subspaces steps 9",
        }
        assert f"({name}: {kind[name]})" in first
    enough = {"configs": {"STFPM": {"epochs": 1, "steps": 670}, "DRAEM": {"epochs": 2}}}
    both = replace(join(rival("STFPM"), [rival("DRAEM")]), settings=enough)
    assert "WITHOUT MEANING" not in flat(build_table("main", both))


def test_the_warning_of_an_included_folder_heads_the_table():
    few = replace(MINIATURE, experiment="few", settings=FEW_UPDATES)
    enough = {"configs": {"DeSTSeg": {"training": {"student_steps": 75}}}}
    for settings in ({}, enough):
        both = join(replace(MINIATURE, settings=settings), [few])
        first = build_table("main", both).notes[0]
        assert "(DeSTSeg (few): student steps 1, segmentation steps 2)" in first
    swapped = join(few, [replace(MINIATURE, settings=enough)])
    assert (
        "(DeSTSeg: student steps 1, segmentation steps 2)" in build_table("main", swapped).notes[0]
    )


def test_a_precision_that_is_not_known_is_said_to_be_that():
    cells = CELLS.assign(precision="unknown")
    table = build_table("main", of(MINIATURE, cells))
    assert "Precision unknown: DeSTSeg was trained on a GPU before that was put on record." in (
        table.notes
    )
    assert {row["precision"] for row in rows(table)} == {"DeSTSeg unknown"}


def test_an_undefined_metric_counts_as_missing():
    undefined = CELLS.copy()
    undefined.loc[(undefined["category"] == "grid") & (undefined["seed"] == 0), "pro"] = np.nan
    table = main_table(of(MINIATURE, undefined))
    assert row(table, "DeSTSeg")["PRO"].endswith("(2 of 3 seeds)")
    assert "INCOMPLETE: 1 of 45 cells" in flat(table)


def test_published_numbers_stand_beside_ours_on_mvtec():
    ablation = build_table("ablation", MVTEC)
    assert row(ablation, "den+seg")["Pixel AP (paper)"] == "70.9"
    assert row(main_table(MVTEC), "DeSTSeg (paper)").tolist()[1:] == [
        "98.6 ± 0.4", "97.9 ± 0.3", "75.8 ± 0.8", "94.4 ± 0.4", "76.4 ± 1.0", "57.8 ± 1.8",
    ]  # fmt: skip
    assert row(category_table(MVTEC), "average")["IAP@90 (paper)"] == "57.8 ± 1.8"
    effects = build_table("effects", MVTEC).formatted.set_index(["Factor", "Metric"])["Paper"]
    assert effects["seg", "Image AUROC"] == "+3.20"
    assert effects["seg", "PRO"] == ""
    for name in tables_of(MINIATURE):
        assert "not comparable" not in flat(build_table(name, MVTEC))


def test_an_average_over_all_never_stands_beside_a_subset():
    ablation = build_table("ablation", BOTTLE)
    assert set(ablation.formatted["Image AUROC (paper)"]) == {""}
    assert ablation.formatted["Pixel AP (paper)"].tolist() == [""] * 7 + ["90.3 ± 1.8"]
    assert row(main_table(BOTTLE), "DeSTSeg (paper)")["PRO"] == ""
    assert "Paper" not in build_table("effects", BOTTLE).formatted
    for name in ("ablation", "main", "categories"):
        assert "averaged over the same categories" in flat(build_table(name, BOTTLE))


@pytest.mark.parametrize(
    ("results", "said"),
    [
        (MINIATURE, "on miniature v1, 64 px, not on MVTec AD"),
        (
            replace(MVTEC, standing="resized", dataset="a resized copy of MVTec AD, 256 px"),
            "on a resized copy of MVTec AD, 256 px, not on MVTec AD",
        ),
        (
            under(MVTEC, PROTOCOLS["crop224"]),
            "under the protocol crop224 v1, not under the paper's",
        ),
    ],
    ids=["miniature", "resized", "crop"],
)
@pytest.mark.parametrize("name", tables_of(MINIATURE))
def test_what_is_not_comparable_says_so_and_stands_alone(name, results, said, monkeypatch):
    def forbidden(*_args, **_kwargs):
        raise AssertionError("published numbers were looked up")

    monkeypatch.setattr("bench.paper.published._figures", forbidden)
    table = build_table(name, results)
    for text in (table.text(), table.markdown(), table.latex()):
        words = " ".join(text.split())
        assert f"Measured {said}: not comparable" in words
        assert "15 categories, 3 seeds (0, 1, 2)" in words
        assert results.protocol.sentence in words
        assert "(paper)" not in text
        assert "Zhang" not in text
    lines = rows(table)
    assert {line["dataset"] for line in lines} == {results.dataset}
    assert {line["protocol"] for line in lines} == {results.protocol.label}
    assert not any("paper" in column.lower() for column in (*table.formatted, *lines[0]))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, ""),
        (
            {"dirty": "yes"},
            "cpu, torch 2.15.0, commit abcdef0 with uncommitted changes (360 cells)",
        ),
        ({"torch": "2.11.0"}, "cpu, torch 2.11.0, commit abcdef0 (360 cells)"),
        ({"torch": "2.15"}, "cpu, torch 2.15, commit abcdef0 (360 cells)"),
        ({"device": "NVIDIA H200"}, "NVIDIA H200, torch 2.15.0, commit abcdef0 (360 cells)"),
        ({"commit": "0123456789"}, "cpu, torch 2.15.0, commit 0123456 (360 cells)"),
    ],
)
def test_cells_of_another_origin_than_the_heading_names_are_said_to_be_that(changes, said):
    own = {"commit": "abcdef0123", "dirty": "no", "torch": "2.15.0", "device": "cpu"}
    heading = ("Commit: abcdef0123", "Machine: a processor, cpu; Python 3.11.7, torch 2.15.0")
    cells = MINIATURE.cells.assign(**{**own, **changes})
    words = flat(main_table(replace(MINIATURE, cells=cells, provenance=heading)))
    assert ("Computed on" in words) == bool(said)
    assert said in words


def test_the_papers_protocol_may_have_another_name_and_its_programs_reading():
    for change in ({"name": "ours"}, {"compat": "authors"}):
        table = main_table(under(MVTEC, Protocol(**change)))
        assert "DeSTSeg (paper)" in table.formatted["Method"].tolist()


def test_category_table_of_another_method_has_its_own_published_numbers():
    table = category_table(rival())
    assert table.title == "PatchCore by category: MVTec AD, 256 px"
    means = seed_means(rival().cells, "", "iap")
    assert row(table, "average")["IAP"] == f"{means.mean():.1f} ± {means.std():.1f}"
    assert row(table, "bottle")["Pixel AP (paper)"] == "80.1"
    assert "INCOMPLETE" not in flat(table)
    assert "Not part of this run" not in flat(table)
    lacking = category_table(of(rival(), rival().cells[1:]))
    assert "INCOMPLETE: 1 of 45 cells" in flat(lacking)
    unpublished = category_table(rival("ours")).markdown()
    assert "paper" not in unpublished.lower().replace("protocol paper v1", "")


SEVERAL = join(MVTEC, [rival()])
MORE = tuple(ALL_METRICS.values())


@pytest.mark.parametrize("name", tables_of(SEVERAL))
def test_every_table_can_be_of_several_methods_and_of_more_metrics(name):
    table = build_table(name, replace(SEVERAL, metrics=MORE))
    assert table.latex()
    shown = table.markdown()
    if name in ("main", "image", "pixel", "instance", "categories", "intervals"):
        columns = {*table.formatted.columns, *table.formatted.iloc[:, 0]}
        assert "PatchCore" in {*columns, *table.formatted.iloc[:, 1]}
    if name not in ("image", "pixel", "instance", "verdicts", "claims", "costs", "curve"):
        assert "Image F1-max" in shown
        assert "Pixel F1-max" in shown
    fewer = build_table(name, SEVERAL)
    assert "F1-max" not in fewer.markdown()
    assert len(fewer.alignment) == fewer.formatted.shape[1]


def test_a_method_without_variants_has_the_tables_of_all_methods():
    names = tables_of(rival("Mine"))
    assert names == ("main", "image", "pixel", "instance", "categories", "intervals")
    for name in names:
        table = build_table(name, rival("Mine"))
        assert "Mine" in table.csv() + table.title or name == "intervals"
        assert table.latex()
    with pytest.raises(
        InputError, match="the table effects has no row for Mine; leave it out, or use one"
    ):
        build_table("effects", rival("Mine"))
    for name in ("costs", "curve"):
        said = f"the table {name} compares several methods that learn, and here there is Mine alone"
        with pytest.raises(InputError, match=said):
            build_table(name, rival("Mine"))


@dataclass(frozen=True)
class Toggled:
    """Of a method with one switch."""

    on: bool


def test_a_method_with_one_switch_has_effects_but_no_interactions(monkeypatch):
    toggle = Method(
        "Toggle", "Nobody, 2026", Toggled, lambda *_: None,
        variants={"off": Toggled(False), "on": Toggled(True)},
        full="on",
        factors={"switch": lambda variant: variant.on},
        comparisons=(Comparison("ablation", "Its switch", "4", {"switch": attrgetter("on")}, {}),),
        claims=(Claim("on-helps", "on helps", "4", ("iap",), (("on", "off"),)),),
    )  # fmt: skip
    everything = {**methods(), "Toggle": toggle}
    for module in ("results.results", "results.rows", "presentation.tables", "experiment.tables"):
        monkeypatch.setattr(f"bench.{module}.methods", lambda: everything)
    cells = pd.concat(
        rival().cells.assign(method="Toggle", variant=name) for name in toggle.variants
    )
    alone = replace(rival(), cells=cells, variants={"Toggle": ("on", "off")})
    names = tables_of(alone)
    assert names[0] == "Toggle-ablation"
    assert names[-3:] == ("effects", "verdicts", "claims")
    assert set(names) <= set(tables())
    effects = build_table("effects", alone)
    assert "the six tests of one main effect and no interactions on six metrics" in flat(effects)
    assert "the mean of the one variant with the factor" in flat(effects)
    assert set(effects.formatted["Effect"]) == {"+0.00"}
    both = join(MVTEC, [alone])
    for name in tables_of(both):
        assert build_table(name, both).latex()
    assert (
        build_table("effects", both).formatted["Method"].tolist()
        == ["DeSTSeg"] * 18 + ["Toggle"] * 6
    )
    claims = build_table("claims", both).numbers
    assert claims[claims["method"] == "Toggle"]["claim"].tolist() == ["on-helps"]


def test_the_tables_in_the_repository_are_made_of_its_cells():
    folder = Path(__file__).parents[2] / "results" / "ablation"
    results = read_results(folder)
    committed = {path.stem: path for path in (folder / "tables").glob("*.csv")}
    assert len(committed) >= 11
    for name, path in committed.items():
        table = build_table(name, results)
        for text, suffix in (
            (table.csv(), ".csv"), (table.markdown(), ".md"), (table.latex(), ".tex"),
        ):  # fmt: skip
            assert text.encode() == path.with_suffix(suffix).read_bytes()


def test_a_precision_is_told_in_every_form():
    told = of(MINIATURE, CELLS.assign(precision="bf16"))
    table = build_table("ablation", told)
    said = "Precision: DeSTSeg is trained in bf16; all else, anomaly maps included, is computed in"
    assert said in flat(table)
    assert said in table.markdown()
    assert said in table.latex()
    assert {row["precision"] for row in rows(table)} == {"DeSTSeg bf16"}
    plain = build_table("ablation", MINIATURE)
    assert "precision" not in rows(plain)[0]
    assert "Precision" not in plain.text()


def test_csv_holds_the_numbers_in_percent():
    lines = {line["variant"]: line for line in rows(build_table("ablation", MVTEC))}
    means = seed_means(CELLS, "ed+seg", "iap")
    line = lines["ed+seg"]
    assert float(line["iap_mean"]) == pytest.approx(means.mean(), abs=1e-6)
    assert float(line["iap_std"]) == pytest.approx(means.std(), abs=1e-6)
    assert float(line["iap_low95"]) < means.mean() < float(line["iap_high95"])
    assert line["iap_seeds"] == "3"
    assert line["iap_paper_mean"] == "71.200000"
    assert (line["den"], line["ed"], line["seg"]) == ("False", "True", "True")


def test_markdown_is_a_table_of_one_width_with_the_provenance_after_it():
    text = build_table("ablation", MINIATURE).markdown()
    grid = [line for line in text.splitlines() if line.startswith("|")]
    assert len(grid) == 2 + len(ABLATION)
    assert {line.count("|") for line in grid} == {8}
    assert text.splitlines()[-2:] == [
        "- Setting: 0123abc & 100% {clean}\\_tree",
        "- Command, commit, machine and date: heading.json",
    ]


@pytest.mark.parametrize("heading", [MINIATURE, MVTEC, BOTTLE], ids=["mini", "mvtec", "bottle"])
@pytest.mark.parametrize("name", tables_of(MINIATURE))
def test_latex_is_balanced_and_has_as_many_cells_as_columns(name, heading):
    text = build_table(name, heading).latex()
    body = "\n".join(line for line in text.splitlines() if not line.startswith("%"))
    opened = re.findall(r"\\begin\{(\w+)\}", body)
    closed = re.findall(r"\\end\{(\w+)\}", body)
    assert opened == closed[::-1] == ["table", "tabular"]
    unescaped = re.sub(r"\\[{}]", "", body)
    assert unescaped.count("{") == unescaped.count("}")
    assert len(re.findall(r"(?<!\\)\$", body)) % 2 == 0
    columns = len(re.search(r"\\begin\{tabular\}\{([lcr]+)\}", body)[1])
    lines = [line for line in body.splitlines() if line.endswith(r" \\")]
    assert len(lines) == 1 + len(build_table(name, heading).formatted)
    assert {len(re.findall(r"(?<!\\)&", line)) for line in lines} == {columns - 1}
    assert [body.count(rule) for rule in (r"\toprule", r"\midrule", r"\bottomrule")] == [1, 1, 1]
    assert body.count(r"\caption{") == body.count(rf"\label{{tab:ablation-{name}}}") == 1
    # What is left would need an input encoding or be read as a command.
    assert body.isascii()
    assert not re.search(r"(?<!\\)[#_%^~]", body.replace("{!}{%", ""))


def test_latex_escapes_what_it_must():
    assert latex.escape(r"50% & {a_b} $#~^\ ± −1 ✓") == (
        r"50\% \& \{a\_b\} \$\#\textasciitilde{}\textasciicircum{}\textbackslash{} "
        r"$\pm$ $-$1 $\checkmark$"
    )


def test_latex_comments_stay_on_one_line():
    text = latex.table(
        ["a"], [["[1]"]], alignment="l", caption="", label="x", comments=["one\ntwo"]
    )
    assert "% one two\n" in text
    # A row that begins with [ must not become an argument of the break before it.
    assert "\n{}[1] \\\\\n" in text


def test_latex_goes_on_over_pages_where_one_cannot_hold_a_table():
    rows = [[str(row), "1"] for row in range(60)]
    text = latex.table(["row", "value"], rows, alignment="lr", caption="Long.", label="tab:long")
    assert re.findall(r"\\begin\{(\w+)\}", text) == ["longtable"]
    # The head is repeated on every page.
    assert text.count("row & value") == 2
    assert all(f"\n{row} & 1 \\\\\n" in text for row in range(60))


def test_latex_refuses_rows_of_another_length():
    with pytest.raises(ValueError, match="2 entries"):
        latex.table(["a", "b"], [["1"]], alignment="lr", caption="", label="x")


def test_write_tables_writes_all_forms_and_nothing_else(tmp_path):
    folder = tmp_path / "results" / "tables"
    written = write_tables(NAMES, MINIATURE, folder)
    names = {f"{name}.{form}" for name in NAMES for form in ("md", "csv", "tex")}
    assert {path.name for path in written} == {path.name for path in folder.iterdir()} == names
    assert (folder / "main.md").read_text("utf-8") == main_table(MINIATURE).markdown()
    assert (folder / "main.tex").read_text("utf-8") == main_table(MINIATURE).latex()
    before = {path: path.read_bytes() for path in written}
    assert (
        write_tables(NAMES, of(MINIATURE, CELLS.sample(frac=1, random_state=0)), folder) == written
    )
    assert {path: path.read_bytes() for path in written} == before


def test_a_write_that_fails_keeps_the_old_file_and_leaves_no_part(tmp_path, monkeypatch):
    write_tables(NAMES, MINIATURE, tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    def full(_descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_tables(NAMES, of(MINIATURE, CELLS[:9]), tmp_path)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


COMPILER = next(filter(shutil.which, ("tectonic", "pdflatex")), None)


@pytest.mark.skipif(COMPILER is None, reason="neither tectonic nor pdflatex is installed")
def test_latex_compiles_as_it_is(tmp_path):
    written = [
        build_table(name, results).latex()
        for results in (MINIATURE, MVTEC, SEVERAL)
        for name in tables_of(results)
    ]
    packages = ",".join(latex.PACKAGES)
    document = [r"\documentclass{article}", rf"\usepackage{{{packages}}}", r"\begin{document}"]
    for table in written:
        document += [table, r"\clearpage"]
    (tmp_path / "all.tex").write_text("\n".join([*document, r"\end{document}"]), encoding="utf-8")
    options = [] if COMPILER == "tectonic" else ["-interaction=nonstopmode", "-halt-on-error"]
    done = subprocess.run(
        [COMPILER, *options, "all.tex"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-2000:]


FOREIGN = "\x1b[31mred | <img src=x> =a"


def test_foreign_names_command_nothing_wherever_a_table_goes():
    """A category may be called anything: escape codes, a column of a table, HTML, a formula."""
    cells = CELLS.assign(category=CELLS["category"].replace("bottle", FOREIGN))
    named = replace(
        MINIATURE,
        cells=cells,
        categories=(FOREIGN, *MINIATURE.categories[1:]),
        provenance=("Setting: \x1b[0m",),
    )
    table = build_table("categories", named)
    assert not any("\x1b" in form(table) for form in FORMATS.values())
    assert r"\x1b[31mred | <img src=x> =a" in table.text()
    assert r"\\x1b[31mred \| \<img src=x> =a" in table.markdown()
    lines = [line for line in table.markdown().splitlines() if line.startswith("|")]
    assert len({len(re.findall(r"(?<!\\)\|", line)) for line in lines}) == 1
    assert r"\textbackslash{}x1b[31mred | \textless{}img" in table.latex()


def test_a_cell_that_a_spreadsheet_would_compute_is_guarded():
    cells = CELLS.assign(category=CELLS["category"].replace("bottle", "=cmd()|calc!A0"))
    named = replace(
        MINIATURE, cells=cells, categories=("=cmd()|calc!A0", *MINIATURE.categories[1:])
    )
    text = build_table("categories", named).csv()
    assert "'=cmd()|calc!A0" in text
    assert not re.search("(^|,)[=+@]", text, re.MULTILINE)
