import dataclasses
from pathlib import Path

import pytest

from bench.results.files import read_results, write_curve, write_results
from bench.results.keeping import (
    fitting_experiment,
    keep_results,
    lost_numbers,
    other_settings,
    place_of,
    place_of_curve,
    require_same,
)
from destseg.errors import InputError

COMMITTED = Path(__file__).parents[2] / "results" / "ablation"


@pytest.fixture(scope="module")
def whole():
    found = read_results(COMMITTED)
    bottle = found.cells["category"].isin(["bottle", "cable"])
    cells = found.cells[bottle].reset_index(drop=True)
    settings = {"teacher": "distilled", "configs": {"DeSTSeg": {"steps": 75}}}
    return dataclasses.replace(
        found, cells=cells, categories=("bottle", "cable"), settings=settings
    )


@pytest.fixture
def folder(tmp_path, whole):
    write_results(tmp_path / "ablation", whole)
    return tmp_path / "ablation"


def part_of(whole, **columns):
    cells = whole.cells
    for name, value in columns.items():
        cells = cells[cells[name] == value]
    return dataclasses.replace(whole, cells=cells.reset_index(drop=True))


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize(
    "columns",
    [{"category": "bottle"}, {"variant": "none"}, {"method": "pixel-nn"}, {"seed": 0}],
)
def test_a_part_has_a_place_of_its_own(folder, whole, columns, capsys):
    part = part_of(whole, **columns)
    place = place_of(part, folder)
    assert place == folder.with_name("ablation-part")
    numbers = 6 * (len(whole.cells) - len(part.cells))
    assert f"{folder}: holds {numbers} numbers that these" in capsys.readouterr().err


def test_a_curve_of_less_has_a_place_of_its_own(folder, whole, capsys):
    curve = whole.cells.assign(factor=1.0)
    assert place_of_curve(curve, folder) == folder
    write_curve(folder, curve)
    for same in (curve, curve.assign(pixel_ap=0.5)):
        assert place_of_curve(same, folder) == folder
    assert capsys.readouterr().err == ""
    for less in (curve[1:], curve.assign(factor=2.0)):
        assert place_of_curve(less, folder) == folder.with_name("ablation-part")
        assert "holds a curve of more than this" in capsys.readouterr().err


def test_a_part_may_replace_another_part_which_is_told(folder, whole, capsys):
    place = folder.with_name("ablation-part")
    for name, again in (("bottle", False), ("cable", True), ("cable", False)):
        part = part_of(whole, category=name)
        part = dataclasses.replace(part, provenance=(f"Command: bench --category {name}",))
        keep_results(place_of(part, folder), part)
        numbers = 6 * len(part.cells)
        said = (
            f"{place}: holds {numbers} numbers of another part, which these replace; what made "
            "that shows it again, and computes nothing twice:\n  bench --category bottle\n"
        )
        err = capsys.readouterr().err
        assert err.endswith(said) == again
        assert ("which these replace" in err) == again
    assert set(read_results(place).cells["category"]) == {"cable"}


def test_the_whole_replaces_a_part_and_itself(folder, whole, capsys):
    write_results(folder, part_of(whole, seed=0))
    assert place_of(whole, folder) == folder
    write_results(folder, whole)
    assert place_of(whole, folder) == folder
    assert place_of(whole, folder / "empty") == folder / "empty"
    assert capsys.readouterr().err == ""


def test_a_metric_that_has_become_undefined_is_lost(folder, whole):
    cells = whole.cells.copy()
    cells.loc[3, "pro"] = float("nan")
    assert lost_numbers(folder, dataclasses.replace(whole, cells=cells)) == 1


def test_results_that_cannot_be_read_are_made_anew(folder, whole):
    (folder / "heading.json").write_text("{")
    assert place_of(part_of(whole, seed=0), folder) == folder


def test_the_same_numbers_leave_every_file_as_it_is(folder, whole):
    """A clone stays clean: another machine, day or commit is no news."""
    before = contents(folder)
    cells = whole.cells.assign(seconds=99.0, cpu="another", started="2027", commit="f" * 40)
    again = dataclasses.replace(whole, cells=cells, provenance=("Date: 2027-01-01",))
    kept = keep_results(folder, again)
    assert contents(folder) == before
    assert kept.provenance == whole.provenance
    assert set(kept.cells["cpu"]) == set(whole.cells["cpu"])


@pytest.mark.parametrize("name", ["iap", "key", "images"])
def test_other_numbers_are_written(folder, whole, name):
    cells = whole.cells.copy()
    cells.loc[0, name] = 0.125 if name == "iap" else "0" * 64
    again = dataclasses.replace(whole, cells=cells, provenance=("Date: 2027-01-01",))
    keep_results(folder, again)
    assert read_results(folder).cells.loc[0, name] == cells.loc[0, name]
    assert read_results(folder).provenance == ("Date: 2027-01-01",)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"experiment": "other"}, "experiment: ablation there, other now"),
        ({"dataset": "MVTec AD"}, "dataset: the embedded miniature v3, 64 px there, MVTec AD now"),
        ({"settings": {"configs": {"DeSTSeg": {"steps": 76}}}}, "DeSTSeg.steps: 75 there, 76 now"),
    ],
)
def test_results_of_something_else_are_not_replaced(folder, whole, changes, said):
    with pytest.raises(InputError, match=f"{said}\\); give another name, .* or remove this one"):
        require_same(folder, dataclasses.replace(whole, **changes), {})


def test_what_only_reads_has_a_remedy_of_its_own(folder, whole):
    other = dataclasses.replace(whole, experiment="other")
    with pytest.raises(InputError, match=r"other now\); give its own options\.$"):
        require_same(folder, other, {}, "give its own options")


def test_other_images_are_something_else(folder, whole):
    same = whole.cells.loc[whole.cells["category"] == "cable", "images"].iloc[0]
    require_same(folder, whole, {"cable": same, "zipper": "1" * 64})
    with pytest.raises(InputError, match=r"images of cable: [0-9a-f]{12} there, 111111111111 now"):
        require_same(folder, whole, {"cable": "1" * 64})


def test_settings_that_one_side_lacks_or_that_move_no_number_are_no_difference():
    old = {"protocol": {"name": "a", "size": 1}, "metrics": [], "teacher": "x"}
    assert other_settings(old, {"protocol": {"name": "b", "size": 1}, "metrics": ["f"]}) == {}
    assert other_settings(old, {"new": 1}) == other_settings({}, old) == {}
    assert other_settings(old, {"protocol": {"size": 2}}) == {"protocol.size": (1, 2)}
    assert other_settings(old, {"training": {"precision": "float32"}}) == {}
    new = {"training": {"precision": "bf16"}}
    assert other_settings(old, new) == {"training.precision": ("float32", "bf16")}


def test_scores_are_shown_beside_a_full_variant_where_there_is_one(tmp_path, whole):
    """Of a part without it a table of methods has a row of dashes."""
    scored = part_of(whole, method="pixel-nn")
    scored = dataclasses.replace(
        scored,
        cells=scored.cells.assign(method="Rival"),
        variants={"Rival": ("",)},
        experiment="score-Rival",
        settings={},
    )
    cells = whole.cells[whole.cells["variant"] != "den+ed+seg"].reset_index(drop=True)
    write_results(tmp_path / "a", dataclasses.replace(whole, cells=cells))
    assert fitting_experiment(tmp_path, scored) == "a"
    less = dataclasses.replace(part_of(whole, category="bottle"), categories=("bottle",))
    write_results(tmp_path / "b", less)
    assert fitting_experiment(tmp_path, scored) == "b"
