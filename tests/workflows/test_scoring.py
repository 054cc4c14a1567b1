import csv
import dataclasses
import io
import os
import shutil

import numpy as np
import pytest
import tifffile
from PIL import Image

import destseg
from bench.cli import main
from bench.data.kinds import find_kind
from bench.data.layout import scan_category
from bench.metrics import METRICS, PAPER, PROTOCOLS, Protocol, evaluate, resize_mask
from bench.results.files import read_results
from bench.store.runs import RunStore
from bench.workflows import scoring
from bench.workflows.scoring import ScoreRequest, score
from destseg.application.commands import main as destseg_main
from destseg.errors import InputError, tell
from destseg.images import decoded_size
from destseg.masks import read_mask
from destseg.resnet import ResNet18
from tests.folders import truncate

SIZE = 32
RULES = Protocol(name="tiny", size=SIZE, top_t=10)


@pytest.fixture
def data(mvtec_folder):
    """Two categories."""
    shutil.copytree(mvtec_folder / "bottle", mvtec_folder / "cable")
    return mvtec_folder


@pytest.fixture
def maps(data, tmp_path):
    return write_maps(data, tmp_path / "maps", seed=0)


def write_maps(data, root, *, seed, shape=(SIZE, SIZE), categories=("bottle", "cable")):
    rng = np.random.default_rng(seed)
    for category in categories:
        for image in scan_category(data / category).test:
            path = root / image.relative_to(data).with_suffix(".tiff")
            path.parent.mkdir(parents=True, exist_ok=True)
            tifffile.imwrite(path, rng.standard_normal(shape).astype(np.float32))
    return root


def request(data, *maps, results, cache, **changes):
    stated = {
        "seeds": tuple(range(len(maps))),
        "categories": (),
        "protocol": RULES,
        "method": "noise",
        "command": "python -m bench score",
    }
    return ScoreRequest(maps=maps, data=data, results=results, cache=cache, **(stated | changes))


@pytest.fixture
def asked(data, maps, tmp_path, shared_cache):
    return request(data, maps, results=tmp_path / "results", cache=shared_cache)


def rows(asked):
    with (asked.folder / "cells.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def expected(data, root, category, protocol=RULES):
    """Read everything into arrays, and evaluate."""
    listing = scan_category(data / category)
    shape = (protocol.size, protocol.size)
    masks = [
        np.zeros(shape, bool) if mask is None else resize_mask(read_mask(mask), protocol)
        for mask in listing.masks
    ]
    paths = [root / image.relative_to(data).with_suffix(".tiff") for image in listing.test]
    return evaluate(np.stack([tifffile.imread(path) for path in paths]), np.stack(masks), protocol)


def test_maps_score_what_evaluate_gives(asked, data, maps):
    scored = score(asked)
    assert (scored.done, scored.cached) == (2, 0)
    found = rows(asked)
    assert [row["category"] for row in found] == ["bottle", "cable"]
    for row in found:
        known = expected(data, maps, row["category"])
        assert {name: float(row[name]) for name in known} == known
        assert (row["dataset"], row["method"], row["seed"]) == ("folder", "noise", "0")
        assert row["protocol"] == "paper v1 size=32 top_t=10"
        assert all(row[name] == "" for name in ("variant", "den", "ed", "seg", "student", "l1"))
        record = RunStore(asked.results / "runs").get(row["key"])
        assert record.kind == "evaluation"
        assert record.parameters["protocol"] == RULES.identity()
        assert record.parameters["category"] == row["category"]
        assert record.parameters["images"] == row["images"]
        assert record.metrics == known
        assert record.provenance["torch"]


@pytest.mark.parametrize(
    "protocol",
    [dataclasses.replace(RULES, crop=24)]
    + [dataclasses.replace(one, size=SIZE) for name, one in PROTOCOLS.items() if name != "crop224"],
    ids=lambda protocol: protocol.label,
)
def test_every_protocol_scores_what_evaluate_gives(asked, data, maps, protocol):
    request = dataclasses.replace(asked, protocol=protocol)
    score(request)
    for row in rows(request):
        known = expected(data, maps, row["category"], protocol)
        assert {metric: float(row[metric]) for metric in known} == known
    # Only the paper's goes without saying, so that no protocol's results hide another's.
    assert request.folder.name == f"score-noise-{protocol.label.replace(' ', '-')}"
    assert dataclasses.replace(asked, protocol=PAPER).folder.name == "score-noise"


def test_the_table_has_each_category_and_their_average(asked):
    table = score(asked).table
    assert table.formatted["Category"].tolist() == ["bottle", "cable", "average"]
    found = [[float(row[metric.key]) for metric in METRICS] for row in rows(asked)]
    assert table.formatted.iloc[2, 1:].tolist() == [
        f"{100 * sum(pair) / 2:.1f}" for pair in zip(*found, strict=True)
    ]
    text = " ".join(table.text().split())
    assert text.startswith("noise by category: a folder of own images")
    assert "not on MVTec AD: not comparable" in text
    assert (
        "Protocol paper v1: maps at 32 px, image score the mean of the 10 largest pixels." in text
    )
    files = {path.name for path in (asked.folder / "tables").iterdir()}
    assert files == {f"categories.{form}" for form in ("md", "csv", "tex")}
    foot = (asked.folder / "tables" / "categories.md").read_text()
    assert foot.endswith("- Command, commit, machine and date: heading.json\n")
    assert "Command: python -m bench score" in read_results(asked.folder).provenance


def test_another_category_is_added_and_the_others_stay(asked):
    """Scored one after the other they are what they are when they are scored together."""
    score(asked)
    together = rows(asked)
    shutil.rmtree(asked.folder)
    for name in ("cable", "bottle"):
        score(dataclasses.replace(asked, categories=(name,)))
    found = rows(asked)
    assert [row["category"] for row in found] == ["bottle", "cable"]
    for metric in METRICS:
        assert [row[metric.key] for row in found] == [row[metric.key] for row in together]
    assert read_results(asked.folder).categories == ("bottle", "cable")


def test_scores_of_other_data_are_not_mixed_in(asked, data, maps):
    score(asked)
    before = rows(asked)
    for root in (data, maps):
        (root / "cable").rename(root / "screw")
    with pytest.raises(InputError, match=r"score-noise-.*: holds cable, which these data have not"):
        score(asked)
    assert rows(asked) == before


def test_scoring_again_reads_no_map(asked, monkeypatch):
    score(asked)
    cells = rows(asked)

    def forbidden(*_):
        raise AssertionError("a map was read")

    monkeypatch.setattr("bench.data.maps.read_map", forbidden)
    scored = score(asked)
    assert (scored.done, scored.cached) == (0, 2)
    assert rows(asked) == cells
    # The record is of the files, not of who made them.
    assert score(dataclasses.replace(asked, method="other")).cached == 2


def test_what_is_changed_is_scored_again(asked, maps):
    score(asked)
    tifffile.imwrite(maps / "cable/test/good/000.tiff", np.zeros((SIZE, SIZE), np.float32))
    again = score(asked)
    assert (again.done, again.cached) == (1, 1)
    other = score(dataclasses.replace(asked, protocol=dataclasses.replace(RULES, fpr_limit=0.05)))
    assert (other.done, other.cached) == (2, 0)


def test_maps_that_are_replaced_by_others_of_the_same_size_and_time_are_others(asked, maps):
    def dated(path):
        os.utime(path, (1e9, 1e9))

    paths = list(maps.rglob("*.tiff"))
    for path in paths:
        dated(path)
    score(asked)
    before = rows(asked)
    for path in paths:
        tifffile.imwrite(path, -tifffile.imread(path))
        dated(path)
    assert score(asked).done == 2
    for old, new in zip(before, rows(asked), strict=True):
        assert float(new["pixel_auroc"]) == pytest.approx(1 - float(old["pixel_auroc"]))


def test_a_mask_of_two_class_numbers_scores_as_one_of_255(asked, data):
    score(asked)
    whole = rows(asked)[0]
    for mask in (data / "bottle" / "ground_truth" / "hole").iterdir():
        marked = read_mask(mask) > 0
        labels = marked.astype(np.uint8)
        labels[: np.argwhere(marked)[:, 0].max()] *= 2
        Image.fromarray(labels).save(mask)
    score(asked)
    labelled = rows(asked)[0]
    assert labelled["images"] != whole["images"]
    assert [labelled[m.key] for m in METRICS] == [whole[m.key] for m in METRICS]


def test_marks_lost_in_resizing_are_told_each_time(asked, data, caplog):
    thin = np.zeros((40, 36), np.uint8)
    thin[12, 5] = 255
    Image.fromarray(thin).save(data / "cable/ground_truth/hole/001_mask.png")
    full = dataclasses.replace(asked, protocol=dataclasses.replace(RULES, mask_rule="floor"))
    for computed in (2, 0):
        tell.cache_clear()
        caplog.clear()
        assert score(full).done == computed
        assert "cable: at 32x32 pixels no mark is left of hole/001" in caplog.text


def test_one_folder_of_maps_for_each_seed(asked, data, maps, tmp_path):
    other = write_maps(data, tmp_path / "other", seed=1)
    scored = score(dataclasses.replace(asked, maps=(maps, other), seeds=(3, 7)))
    assert [(row["seed"], row["category"]) for row in rows(asked)] == [
        ("3", "bottle"),
        ("3", "cable"),
        ("7", "bottle"),
        ("7", "cable"),
    ]
    assert "2 seeds (3, 7)" in scored.table.text()
    pros = [expected(data, root, "bottle")["pro"] * 100 for root in (maps, other)]
    line = scored.table.formatted.iloc[0]
    assert line["PRO"] == f"{np.mean(pros):.1f} ± {np.std(pros, ddof=1):.1f}"


def test_chosen_categories_alone(asked, maps):
    shutil.rmtree(maps / "bottle")
    score(dataclasses.replace(asked, categories=("cable",)))
    assert [row["category"] for row in rows(asked)] == ["cable"]


def test_one_category_has_no_average(asked):
    table = score(dataclasses.replace(asked, categories=("cable",))).table
    assert table.formatted["Category"].tolist() == ["cable"]


def test_an_undefined_metric_is_recorded_as_missing_and_shown_as_a_dash(asked, data):
    # The defects are so thin that no pixel is wholly white at the protocol's size.
    for mask in (data / "cable" / "ground_truth" / "hole").iterdir():
        thin = np.zeros((40, 36), np.uint8)
        thin[12, 5:9] = 255
        Image.fromarray(thin).save(mask)
    floor = dataclasses.replace(asked, protocol=dataclasses.replace(RULES, mask_rule="floor"))
    scored = score(floor)
    row = rows(floor)[1]
    record = RunStore(asked.results / "runs").get(row["key"])
    assert record.metrics == dict.fromkeys(record.metrics)
    assert {row[metric.key] for metric in METRICS} == {""}
    assert scored.table.formatted.iloc[1, 1:].tolist() == ["—"] * 6
    assert scored.table.formatted.iloc[2, 1:].tolist() == ["—"] * 6, "never averaged over"
    assert "INCOMPLETE: 1 of 2 cells" in scored.table.text()


# Published numbers


def test_published_numbers_stand_beside_mvtec_ad_and_the_papers_protocol_alone(
    asked, data, tmp_path, monkeypatch
):
    big = write_maps(data, tmp_path / "big", seed=0, shape=(40, 36))
    paper = dataclasses.replace(asked, maps=(big,), protocol=PAPER, method="PatchCore")
    own = score(paper).table
    assert not [name for name in own.formatted.columns if "paper" in name], "of the same names"
    monkeypatch.setattr(scoring, "folder_origin", lambda _: find_kind("mvtec").origin({}))
    with pytest.raises(InputError, match="folder of own images there, MVTec AD now"):
        score(paper)
    shutil.rmtree(paper.folder)
    table = score(paper).table
    assert table.title == "PatchCore by category: MVTec AD"
    assert table.formatted["Pixel AP (paper)"].tolist()[:2] == ["80.1", "70.0"]
    assert rows(paper)[0]["dataset"] == "mvtec"
    for change in ({"method": "mine"}, {"protocol": dataclasses.replace(PAPER, crop=224)}):
        table = score(dataclasses.replace(paper, **change)).table
        assert not [name for name in table.formatted.columns if "paper" in name]


# Beside the grid


def test_from_maps_to_tables_and_report_beside_the_grid(
    tiny, filled, tiny_finished, shared_cache, write_tiny, tmp_path, undrawn, page_alone, capsys
):
    """After ``bench score`` one command shows the method beside DeSTSeg."""
    (data,) = shared_cache.glob(f"miniature-*-{tiny.dataset.size}")
    maps = write_maps(data, tmp_path / "maps", seed=0, categories=("bottle", "tile"))
    results = tmp_path / "results"
    shutil.copytree(filled.root, results / "runs")
    path = write_tiny({"seeds = [0, 1]": 'seeds = [0, 1]\nvariants = ["none", "den+ed+seg"]'})
    where = ["--results", str(results)]
    assert main(["reproduce", str(path), *where, "--in-process"]) == 0
    assert "0 cells computed; 8 were there" in capsys.readouterr().out
    options = ["--method", "noise", "--protocol", str(path), *where]
    for category in ("bottle", "tile"):
        options += ["--category", category]
    seeds = ["--maps", str(maps), "--maps", str(maps)]
    assert main(["score", *seeds, "--data", str(data), *options]) == 0
    said = capsys.readouterr().out
    name = "score-noise-paper-v1-size=32-top_t=10"
    assert f"  python -m bench table main tiny --include {name} --results {results}\n" in said

    assert main(["table", "image", "tiny", "--include", name, *where]) == 0
    lines = {line.split()[0]: line for line in capsys.readouterr().out.splitlines() if line}
    scored = read_results(results / name)
    assert f"{100 * scored.scores('image_auroc').mean():.1f} ±" in lines["noise"]
    ours = tiny_finished.results.scores("image_auroc")
    assert f"{100 * ours.mean():.1f} ±" in lines["DeSTSeg"]

    part = [str(path), "--include", name, *where]
    assert main(["report", *part]) == 0
    page = (results / "tiny" / "report.html").read_text(encoding="utf-8")
    assert "2 methods (DeSTSeg, noise), complete: all 12 cells" in page
    assert "python -m bench reproduce" in page
    assert main(["figure", *part, "--only", "heatmap"]) == 0
    capsys.readouterr()
    assert main(["table", "image", name, "--include", "tiny", *where]) == 0
    assert "DeSTSeg" in capsys.readouterr().out

    paper = ["score", *seeds, "--data", str(data), "--method", "noise", *where]
    assert main([*paper, "--category", "bottle"]) == 0
    capsys.readouterr()
    assert main(["table", "image", "tiny", "--include", "score-noise", *where]) == 2
    assert "measured under the protocols" in capsys.readouterr().err


# Faults


def spoil(data, maps):
    """One fault of every kind; return what must be said of each."""
    test = maps / "bottle" / "test"
    (test / "good" / "000.tiff").unlink()
    np.save(test / "good" / "001.npy", np.zeros((SIZE, SIZE)))
    np.save(test / "hole" / "extra.npy", np.zeros((SIZE, SIZE)))
    tifffile.imwrite(test / "hole" / "000.tiff", np.zeros((SIZE, 30), np.float32))
    bad = np.zeros((SIZE, SIZE), np.float32)
    bad[4, 5] = np.nan
    tifffile.imwrite(test / "hole" / "001.tiff", bad)
    (test / "hole" / "002.tiff").write_bytes(b"text")
    Image.fromarray(np.zeros((30, 30), np.uint8)).save(
        data / "cable" / "ground_truth" / "hole" / "001_mask.png"
    )
    (data / "cable" / "test" / "good" / "002.png").write_bytes(b"")
    (maps / "zip" / "test").mkdir(parents=True)
    return {
        "good/000.tiff: missing",
        "good/001.npy and",
        "hole/extra.npy: there is no test image hole/extra",
        "hole/000.tiff: 30x32 pixels, its image has 36x40",
        "hole/001.tiff: nan at row 4, column 5",
        "hole/002.tiff: cannot be decoded",
        "hole/001_mask.png: 30x30 pixels, its image has 36x40",
        "good/002.png: the file is empty",
        "zip: ",
    }


def test_all_faults_are_listed_in_one_go(asked, data, maps):
    said = spoil(data, maps)
    with pytest.raises(InputError) as caught:
        score(asked)
    first, *lines = str(caught.value).splitlines()
    assert first == "noise: 9 faults found; mend what is listed and start again:"
    assert len(lines) == len(said)
    for part in said:
        assert sum(part in line for line in lines) == 1, part
    assert not asked.folder.exists(), "what is refused leaves no folder"


def test_a_damaged_test_image_is_told_once_and_takes_no_other_categorys_results(
    asked, data, maps, tmp_path
):
    other = write_maps(data, tmp_path / "other", seed=1)
    truncate(data / "cable/test/good/001.png")
    scored = score(dataclasses.replace(asked, maps=(maps, other), seeds=(0, 1)))
    (fault,) = scored.faults
    assert "cable/test/good/001.png: truncated or damaged image" in fault
    assert {row["category"] for row in rows(asked)} == {"bottle"}


def test_a_test_image_is_decoded_once_for_all_seeds(asked, maps, monkeypatch):
    read = []

    def counted(path):
        read.append(path)
        return decoded_size(path)

    monkeypatch.setattr(scoring, "decoded_size", counted)
    score(dataclasses.replace(asked, maps=(maps, maps), seeds=(0, 1)))
    assert len(read) == len(set(read)) == 12


def test_faults_are_one_line_each_whatever_files_are_called(asked, data, maps):
    (maps / "bottle/test/good/a\nb.tiff").touch()
    (data / "cable/test/hole/\x1b[31m\r.png").write_bytes(b"")
    with pytest.raises(InputError) as caught:
        score(asked)
    _, *lines = str(caught.value).split("\n")
    assert all(line.startswith("  - /") for line in lines)
    assert any(r"a\nb.tiff: there is no test image" in line for line in lines)


def test_a_fault_of_the_data_is_told_once(asked, data, maps, tmp_path):
    other = write_maps(data, tmp_path / "other", seed=1)
    (data / "cable" / "ground_truth" / "hole" / "001_mask.png").unlink()
    (fault,) = score(dataclasses.replace(asked, maps=(maps, other), seeds=(0, 1))).faults
    assert "001_mask.png: no such mask" in fault


@pytest.mark.parametrize(
    ("gone", "said"),
    [
        ("*/test/*/*.tiff", r"4 faults found.*(\n.*: all [0-9]+ maps are missing, .*){4}"),
        ("*", r"2 faults found.*(\n.*/test: no such .* --category.*){2}"),
    ],
)
def test_all_maps_that_are_missing_are_named(asked, maps, gone, said):
    for path in maps.glob(gone):
        path.rename(maps.parent / f"{path.parent.name} {path.name}")
    with pytest.raises(InputError, match=said):
        score(asked)


def test_a_bad_category_takes_no_others_results(asked, maps):
    (maps / "cable/test/good/000.tiff").rename(maps / "cable/test/good/0.tiff")
    scored = score(asked)
    assert (scored.done, scored.cached, len(scored.faults)) == (1, 0, 2)
    assert [row["category"] for row in rows(asked)] == ["bottle"]
    assert "INCOMPLETE: 1 of 2 cells" in scored.table.text()
    assert scored.table.formatted.iloc[1, 1:].tolist() == ["—"] * 6
    (maps / "cable/test/good/0.tiff").rename(maps / "cable/test/good/000.tiff")
    scored = score(asked)
    assert (scored.done, scored.cached) == (1, 1)


def test_numbers_that_earlier_maps_left_are_told(asked, maps):
    score(asked)
    before = rows(asked)
    (maps / "cable/test/good/000.tiff").unlink()
    _, fault = score(asked).faults
    assert fault == (
        f"{asked.folder / 'cells.csv'}: still has the numbers of earlier maps of cable (seed 0), "
        "which tables and `regress` take for these; score again, or remove the folder."
    )
    (maps / "bottle/test/good/000.tiff").unlink()
    with pytest.raises(InputError, match=r"earlier maps of bottle \(seed 0\), cable \(seed 0\)"):
        score(asked)
    assert rows(asked) == before


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"categories": ("bottles",)}, r"no category 'bottles'; did you mean bottle"),
        ({"seeds": (0, 1)}, r"--seed: 2 given for 1 folder of maps"),
        ({"maps": ("maps", "maps"), "seeds": (1, 1)}, r"--seed: 1, 1 repeats"),
        ({"maps": ("none",)}, r"no such folder; give the folder that holds <category>"),
        ({"maps": ("maps/bottle",)}, r"is itself a category.* --category bottle"),
        ({"method": "a/b"}, r"--method 'a/b': names a folder"),
        ({"method": ""}, r"--method ''"),
    ],
)
def test_requests_that_are_refused(asked, tmp_path, change, said):
    if "maps" in change:
        change = change | {"maps": tuple(tmp_path / name for name in change["maps"])}
    with pytest.raises(InputError, match=said):
        score(dataclasses.replace(asked, **change))


# Command


def test_command(data, maps, tiny_file, tmp_path, capsys):
    options = ["--data", str(data), "--results", str(tmp_path), "--protocol", str(tiny_file)]
    arguments = ["score", "--maps", str(maps), *options]
    assert main(arguments) == 0
    out = capsys.readouterr().out
    assert out.startswith("maps by category: a folder of own images")
    assert "cells: 2 computed, 0 were there" in out
    assert "--include" not in out, "there is nothing to stand beside"
    assert (tmp_path / "score-maps-paper-v1-size=32-top_t=10" / "cells.csv").is_file()
    assert main([*arguments, "--method", "Ours 2", "--seed", "5"]) == 0
    assert "cells: 0 computed, 2 were there" in capsys.readouterr().out
    (row, _) = csv.DictReader(
        io.StringIO(
            (tmp_path / "score-Ours 2-paper-v1-size=32-top_t=10" / "cells.csv").read_text("utf-8")
        )
    )
    assert (row["method"], row["seed"]) == ("Ours 2", "5")
    (maps / "bottle/test/good/000.tiff").unlink()
    assert main(arguments) == 3
    assert "bottle/test/good/000.tiff: missing" in capsys.readouterr().err
    assert main([*arguments, "--protocol", "x"]) == 2
    assert "TOML file; there are paper, " in capsys.readouterr().err


def test_predicted_maps_of_images_of_the_protocols_size_score_what_evaluate_gives(
    data, tmp_path, shared_cache
):
    for image in (data / "bottle").rglob("*.png"):
        with Image.open(image) as original:
            resized = original.resize((SIZE, SIZE), Image.Resampling.NEAREST)
        resized.save(image)
    model = destseg.DeSTSeg(ResNet18(8, 3), destseg.ModelConfig(8, 8, (1, 2)), size=SIZE)
    path = destseg.save(model, tmp_path / "model.pt")
    out = tmp_path / "maps" / "bottle" / "test"
    images = data / "bottle" / "test"
    predict = ["predict", str(path), str(images), "--out", str(out), "--device", "cpu"]
    assert destseg_main(predict) == 0
    beside = {path.name for path in out.rglob("*") if path.suffix in (".csv", ".png")}
    assert "scores.csv" in beside, "what else is written is left alone"
    assert len(beside) > 1
    asked = request(
        data,
        tmp_path / "maps",
        results=tmp_path / "results",
        cache=shared_cache,
        categories=("bottle",),
    )
    score(asked)
    listing = scan_category(data / "bottle")
    found = [prediction.anomaly_map for prediction in destseg.load(path).predict(listing.test)]
    masks = [np.zeros((SIZE, SIZE), bool)] * 3
    masks += [resize_mask(read_mask(mask), RULES) for mask in listing.masks if mask is not None]
    known = evaluate(found, masks, RULES)
    assert {name: float(rows(asked)[0][name]) for name in known} == known
