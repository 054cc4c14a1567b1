import csv
import io
import re
import shutil
import subprocess
from dataclasses import replace
from itertools import product

import numpy as np
import pandas as pd
import pytest

from bench.experiment.grid import ABLATION
from bench.metrics import PROTOCOLS, Protocol
from bench.paper.published import MVTEC_CATEGORIES
from bench.presentation import latex
from bench.presentation.category_tables import category_table
from bench.presentation.heading import ABLATION_METRICS, METRIC_NAMES, Heading
from bench.presentation.method_tables import main_table
from bench.presentation.tables import TABLES, write_tables
from destseg.errors import InputError

NAMES = ("ablation", "main", "categories", "effects")

MINIATURE = Heading(
    experiment="ablation",
    dataset="miniature v1, 64 px",
    is_mvtec=False,
    categories=MVTEC_CATEGORIES,
    variants=tuple(reversed(ABLATION)),
    seeds=(0, 1, 2),
    provenance=("command: python -m bench reproduce", "commit: 0123abc & 100% {clean}_tree"),
)
MVTEC = replace(MINIATURE, dataset="MVTec AD, 256 px", is_mvtec=True)
BOTTLE = replace(MVTEC, categories=("bottle",), seeds=(0,))


@pytest.fixture
def incomplete(cells):
    gone = (cells["variant"] == "den") & (cells["seed"] == 1) & (cells["category"] == "cable")
    gone |= cells["variant"] == "ed"
    return cells[~gone]


def seed_means(cells, variant, metric):
    return 100 * cells[cells["variant"] == variant].groupby("seed")[metric].mean()


def flat(table):
    """Text without the line breaks of its notes."""
    return " ".join(table.text().split())


def row(table, name):
    frame = table.formatted
    return frame[frame.iloc[:, 0] == name].iloc[0]


def test_ablation_has_the_papers_rows_in_its_order_with_check_marks(cells):
    frame = TABLES["ablation"](cells, MINIATURE).formatted
    assert frame["Variant"].tolist() == [
        "none", "den", "ed", "seg", "den+ed", "den+seg", "ed+seg", "den+ed+seg",
    ]  # fmt: skip
    marks = ["".join("01"[mark == "✓"] for mark in line) for line in frame.iloc[:, 1:4].to_numpy()]
    assert marks == ["000", "100", "010", "001", "110", "101", "011", "111"]
    assert frame.columns[1:].tolist() == ["den", "ed", "seg", "Image AUROC", "Pixel AP", "IAP"]


def test_ablation_prints_mean_and_sample_std_in_percent(cells):
    table = TABLES["ablation"](cells, MINIATURE)
    for variant, metric in product(ABLATION, ABLATION_METRICS):
        means = seed_means(cells, variant, metric)
        printed = row(table, variant)[METRIC_NAMES[metric]]
        assert printed == f"{means.mean():.1f} ± {means.std():.1f}"


def test_ablation_shows_only_the_variants_asked_for(cells):
    heading = replace(MINIATURE, variants=("den+ed+seg", "none"))
    table = TABLES["ablation"](cells, heading)
    assert table.formatted["Variant"].tolist() == ["none", "den+ed+seg"]


def test_main_table_has_six_metrics_and_a_row_for_each_method(cells):
    rival = cells[cells["variant"] == "none"].assign(method="PatchCore")
    table = main_table(pd.concat([rival, cells]), MINIATURE)
    assert table.formatted["Method"].tolist() == ["DeSTSeg", "PatchCore"]
    assert table.formatted.columns[1:].tolist() == list(METRIC_NAMES.values())
    for method, variant in (("DeSTSeg", "den+ed+seg"), ("PatchCore", "none")):
        means = seed_means(cells, variant, "pro")
        assert row(table, method)["PRO"] == f"{means.mean():.1f} ± {means.std():.1f}"


def test_category_table_has_each_category_and_their_average(cells):
    table = category_table(cells, MINIATURE)
    assert table.formatted["Category"].tolist() == [*MVTEC_CATEGORIES, "average"]
    full = cells[cells["variant"] == "den+ed+seg"]
    own = 100 * full[full["category"] == "screw"]["iap90"]
    assert row(table, "screw")["IAP@90"] == f"{own.mean():.1f} ± {own.std():.1f}"
    means = seed_means(cells, "den+ed+seg", "iap90")
    assert row(table, "average")["IAP@90"] == f"{means.mean():.1f} ± {means.std():.1f}"


def test_effects_table_states_effect_interval_and_categories_improved(cells):
    helped = cells.assign(iap=cells["iap"] + 0.3 * cells["seg"] - 0.1 * cells["ed"])
    table = TABLES["effects"](helped, MINIATURE)
    assert len(table.formatted) == 3 * len(METRIC_NAMES)
    line = table.formatted.set_index(["Factor", "Metric"]).loc[("seg", "IAP")]
    sides = helped.groupby("seg")["iap"].mean()
    assert line["Effect"] == f"+{100 * (sides[True] - sides[False]):.2f}"
    assert line["Improved"] == "15/15"
    low, high = re.fullmatch(r"\[\+([\d.]+), \+([\d.]+)\]", line["95 % interval"]).groups()
    assert float(low) < float(line["Effect"]) < float(high)
    assert table.formatted.set_index(["Factor", "Metric"]).loc[("ed", "IAP"), "Effect"][0] == "−"


def test_one_seed_shows_no_spread_and_says_so(cells):
    heading = replace(MINIATURE, seeds=(1,))
    for build in TABLES.values():
        text = flat(build(cells, heading))
        assert "1 seed (1)" in text
        assert "no interval" in text
        assert not re.search(r"\d ± \d", text)
    assert set(TABLES["effects"](cells, heading).formatted["95 % interval"]) == {"—"}


def test_incomplete_cells_are_marked_and_never_averaged(cells, incomplete):
    table = TABLES["ablation"](incomplete, MINIATURE)
    means = seed_means(cells, "den", "pixel_ap")[[0, 2]]
    expected = f"{means.mean():.1f} ± {means.std():.1f} (2 of 3 seeds)"
    assert row(table, "den")["Pixel AP"] == expected
    assert row(table, "ed")["Pixel AP"] == "—"
    assert "(" not in row(table, "none")["Pixel AP"]
    assert "INCOMPLETE: 46 of 360 cells" in flat(table)
    assert "INCOMPLETE" not in flat(TABLES["ablation"](cells, MINIATURE))


def test_incomplete_effects_are_missing_not_estimated_from_other_variants(incomplete):
    table = TABLES["effects"](incomplete, MINIATURE)
    assert set(table.formatted["Effect"]) == {"—"}
    assert set(table.formatted["Improved"]) == {"—"}


def test_an_undefined_metric_counts_as_missing(cells):
    undefined = cells.copy()
    undefined.loc[(undefined["category"] == "grid") & (undefined["seed"] == 0), "pro"] = np.nan
    table = main_table(undefined, MINIATURE)
    assert row(table, "DeSTSeg")["PRO"].endswith("(2 of 3 seeds)")
    assert "INCOMPLETE: 1 of 45 cells" in flat(table)


def test_the_first_seed_alone_makes_whole_tables(cells):
    for build in TABLES.values():
        assert "1 of 3 seeds" in flat(build(cells[cells["seed"] == 0], MINIATURE))


def test_tables_of_nothing_are_dashes(cells):
    for build in TABLES.values():
        table = build(cells[:0], MVTEC)
        assert "—" in table.text()
        assert table.latex()


def test_a_variant_not_asked_for_is_named(cells):
    heading = replace(MINIATURE, variants=("none", "seg"))
    only = cells[cells["variant"].isin(heading.variants)]
    assert "Not part of this run: den+ed+seg." in flat(main_table(only, heading))


def test_every_form_names_the_dataset_and_that_it_is_not_mvtec(cells):
    for build in TABLES.values():
        table = build(cells, MINIATURE)
        for text in (table.text(), table.markdown(), table.latex()):
            words = " ".join(text.split())
            assert "Measured on miniature v1, 64 px, not on MVTec AD: not comparable" in words
            assert "15 categories, 3 seeds (0, 1, 2)" in words
        assert {line["dataset"] for line in rows(table)} == {"miniature v1, 64 px"}


def rows(table):
    return list(csv.DictReader(io.StringIO(table.csv())))


def test_no_published_number_off_mvtec(cells, monkeypatch):
    def forbidden(*_args, **_kwargs):
        raise AssertionError("published numbers were looked up")

    monkeypatch.setattr("bench.paper.published._figures", forbidden)
    for build in TABLES.values():
        table = build(cells, MINIATURE)
        assert not any("paper" in name.lower() for name in table.formatted.columns)
        assert not any("paper" in name for name in rows(table)[0])
        assert "(paper)" not in table.markdown()
        assert "Zhang" not in table.latex()


def test_published_numbers_stand_beside_ours_on_mvtec(cells):
    ablation = TABLES["ablation"](cells, MVTEC)
    assert row(ablation, "den+seg")["Pixel AP (paper)"] == "70.9"
    assert row(main_table(cells, MVTEC), "DeSTSeg (paper)").tolist()[1:] == [
        "98.6 ± 0.4", "97.9 ± 0.3", "75.8 ± 0.8", "94.4 ± 0.4", "76.4 ± 1.0", "57.8 ± 1.8",
    ]  # fmt: skip
    assert row(category_table(cells, MVTEC), "bottle")["Pixel AP (paper)"] == "90.3 ± 1.8"
    assert row(category_table(cells, MVTEC), "average")["IAP@90 (paper)"] == "57.8 ± 1.8"
    effects = TABLES["effects"](cells, MVTEC).formatted.set_index(["Factor", "Metric"])["Paper"]
    assert effects["seg", "Image AUROC"] == "+3.20"
    assert effects["seg", "PRO"] == ""
    for build in TABLES.values():
        assert "not comparable" not in flat(build(cells, MVTEC))


def test_an_average_over_all_never_stands_beside_a_subset(cells):
    ablation = TABLES["ablation"](cells, BOTTLE)
    assert set(ablation.formatted["Image AUROC (paper)"]) == {""}
    assert ablation.formatted["Pixel AP (paper)"].tolist() == [""] * 7 + ["90.3 ± 1.8"]
    assert row(main_table(cells, BOTTLE), "DeSTSeg (paper)")["PRO"] == ""
    assert "Paper" not in TABLES["effects"](cells, BOTTLE).formatted
    for build in (TABLES["ablation"], main_table, category_table):
        assert "averaged over the same categories" in flat(build(cells, BOTTLE))


CROP = PROTOCOLS["crop224"]


def under(cells, protocol):
    return cells.assign(protocol=protocol.label)


@pytest.mark.parametrize("name", TABLES)
def test_tables_refuse_to_mix_protocols(cells, name):
    mixed = cells.copy()
    mixed.loc[mixed.index[-1], "protocol"] = CROP.label
    said = (
        "^1 of 360 cells, such as DeSTSeg on zipper, were measured under the protocol "
        "'crop224 v1', not under 'paper v1': measure them again under one, or tabulate"
    )
    with pytest.raises(InputError, match=said):
        TABLES[name](mixed, MINIATURE)
    with pytest.raises(InputError, match="360 of 360 cells"):
        TABLES[name](cells, replace(MINIATURE, protocol=CROP))
    table = TABLES[name](under(cells, CROP), replace(MINIATURE, protocol=CROP))
    assert "Protocol: crop224 v1." in flat(table)
    assert {line["protocol"] for line in rows(table)} == {"crop224 v1"}


@pytest.mark.parametrize("name", TABLES)
def test_published_numbers_stand_beside_the_papers_protocol_alone(cells, name):
    table = TABLES[name](under(cells, CROP), replace(MVTEC, protocol=CROP))
    assert "Measured under the protocol crop224 v1, not under the paper's: not comparable" in flat(
        table
    )
    assert "(paper)" not in table.markdown()
    assert not any("paper" in column.lower() for column in table.formatted.columns)


def test_the_papers_protocol_may_have_another_name_and_its_programs_reading(cells):
    for change in ({"name": "ours"}, {"compat": "authors"}):
        protocol = Protocol(**change)
        table = main_table(under(cells, protocol), replace(MVTEC, protocol=protocol))
        assert "DeSTSeg (paper)" in table.formatted["Method"].tolist()


RIVAL = replace(MVTEC, method="PatchCore", variants=())


def rival(cells):
    """A method without variants, as it comes from a file."""
    own = cells[cells["variant"] == "none"]
    return own.assign(method="PatchCore", variant=np.nan, den=np.nan)


def test_category_table_of_another_method_has_its_own_published_numbers(cells):
    table = category_table(pd.concat([cells, rival(cells)]), RIVAL)
    assert table.title == "PatchCore by category: MVTec AD, 256 px"
    means = seed_means(cells, "none", "iap")
    assert row(table, "average")["IAP"] == f"{means.mean():.1f} ± {means.std():.1f}"
    assert row(table, "bottle")["Pixel AP (paper)"] == "80.1"
    assert "INCOMPLETE" not in flat(table)
    assert "Not part of this run" not in flat(table)
    lacking = category_table(rival(cells)[1:], RIVAL)
    assert "INCOMPLETE: 1 of 45 cells" in flat(lacking)


def test_category_table_of_an_unpublished_method_names_no_paper(cells):
    table = category_table(rival(cells).assign(method="ours"), replace(RIVAL, method="ours"))
    assert "paper" not in table.markdown().lower().replace("protocol: paper v1", "")


def test_csv_holds_the_numbers_in_percent(cells):
    lines = {line["variant"]: line for line in rows(TABLES["ablation"](cells, MVTEC))}
    means = seed_means(cells, "ed+seg", "iap")
    line = lines["ed+seg"]
    assert float(line["iap_mean"]) == pytest.approx(means.mean(), abs=1e-6)
    assert float(line["iap_std"]) == pytest.approx(means.std(), abs=1e-6)
    assert float(line["iap_low95"]) < means.mean() < float(line["iap_high95"])
    assert line["iap_seeds"] == "3"
    assert line["iap_paper_mean"] == "71.200000"
    assert (line["den"], line["ed"], line["seg"]) == ("False", "True", "True")


def test_csv_leaves_what_is_missing_empty(incomplete):
    lines = {line["variant"]: line for line in rows(TABLES["ablation"](incomplete, MINIATURE))}
    assert lines["ed"]["iap_mean"] == ""
    assert lines["ed"]["iap_seeds"] == "0"
    assert lines["den"]["iap_seeds"] == "2"


def test_markdown_is_a_table_of_one_width_with_the_provenance_after_it(cells):
    text = TABLES["ablation"](cells, MINIATURE).markdown()
    grid = [line for line in text.splitlines() if line.startswith("|")]
    assert len(grid) == 2 + len(ABLATION)
    assert {line.count("|") for line in grid} == {8}
    assert text.rstrip().endswith("- commit: 0123abc & 100% {clean}_tree")


@pytest.mark.parametrize("heading", [MINIATURE, MVTEC, BOTTLE], ids=["mini", "mvtec", "bottle"])
@pytest.mark.parametrize("name", TABLES)
def test_latex_is_balanced_and_has_as_many_cells_as_columns(cells, name, heading):
    text = TABLES[name](cells, heading).latex()
    body = "\n".join(line for line in text.splitlines() if not line.startswith("%"))
    opened = re.findall(r"\\begin\{(\w+)\}", body)
    closed = re.findall(r"\\end\{(\w+)\}", body)
    assert opened == closed[::-1] == ["table", "tabular"]
    unescaped = re.sub(r"\\[{}]", "", body)
    assert unescaped.count("{") == unescaped.count("}")
    assert len(re.findall(r"(?<!\\)\$", body)) % 2 == 0
    columns = len(re.search(r"\\begin\{tabular\}\{([lcr]+)\}", body)[1])
    lines = [line for line in body.splitlines() if line.endswith(r" \\")]
    assert len(lines) == 1 + len(TABLES[name](cells, heading).formatted)
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


def test_latex_refuses_rows_of_another_length():
    with pytest.raises(ValueError, match="2 entries"):
        latex.table(["a", "b"], [["1"]], alignment="lr", caption="", label="x")


def test_write_tables_writes_all_forms_and_nothing_else(cells, tmp_path):
    folder = tmp_path / "results" / "tables"
    written = write_tables(NAMES, cells, MINIATURE, folder)
    names = {f"{name}.{form}" for name in NAMES for form in ("md", "csv", "tex")}
    assert {path.name for path in written} == {path.name for path in folder.iterdir()} == names
    assert (folder / "main.md").read_text("utf-8") == main_table(cells, MINIATURE).markdown()
    assert (folder / "main.tex").read_text("utf-8") == main_table(cells, MINIATURE).latex()
    before = {path: path.read_bytes() for path in written}
    assert write_tables(NAMES, cells.sample(frac=1, random_state=0), MINIATURE, folder) == written
    assert {path: path.read_bytes() for path in written} == before


def test_a_write_that_fails_keeps_the_old_file_and_leaves_no_part(cells, tmp_path, monkeypatch):
    write_tables(NAMES, cells, MINIATURE, tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    def full(_descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_tables(NAMES, cells[:9], MINIATURE, tmp_path)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


@pytest.mark.parametrize(
    "change", [{"seeds": ()}, {"categories": ("a", "a")}, {"variants": ("den+dem",)}]
)
def test_a_heading_refuses_a_grid_that_is_none(change):
    with pytest.raises(ValueError):
        replace(MINIATURE, **change)


COMPILER = next(filter(shutil.which, ("tectonic", "pdflatex")), None)


@pytest.mark.skipif(COMPILER is None, reason="neither tectonic nor pdflatex is installed")
def test_latex_compiles_as_it_is(cells, tmp_path):
    tables = [
        build(cells, heading).latex() for build in TABLES.values() for heading in (MINIATURE, MVTEC)
    ]
    packages = ",".join(latex.PACKAGES)
    document = [r"\documentclass{article}", rf"\usepackage{{{packages}}}", r"\begin{document}"]
    for table in tables:
        document += [table, r"\clearpage"]
    (tmp_path / "all.tex").write_text("\n".join([*document, r"\end{document}"]), encoding="utf-8")
    options = [] if COMPILER == "tectonic" else ["-interaction=nonstopmode", "-halt-on-error"]
    done = subprocess.run(
        [COMPILER, *options, "all.tex"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-2000:]
