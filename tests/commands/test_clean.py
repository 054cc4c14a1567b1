import os
import time

from bench.cli import main
from bench.store.runs import RunStore

CHANGED = {"head_lr = 0.1": "head_lr = 0.2"}


def test_what_the_given_experiment_refers_to_stays(bench, results, listing):
    before = listing(results)
    code, out = bench("clean", "--yes")
    assert (code, "nothing to delete" in out) == (0, True)
    assert listing(results) == before


def test_first_it_only_shows(bench, results, listing):
    before = listing(results)
    code, out = bench("clean", edits=CHANGED)
    assert code == 0
    assert [line.split()[:3] for line in out.splitlines() if " delete " in line][:3] == [
        ["evaluation", "delete", "1"],
        ["maps", "delete", "1"],
        ["segmentation", "delete", "1"],
    ]
    assert "nothing was deleted; add --yes" in out
    assert listing(results) == before


def test_what_nothing_refers_to_goes(bench, results):
    store = RunStore(results / "runs")
    code, out = bench("clean", "--yes", edits=CHANGED)
    assert (code, "3 records and 0 temporary files deleted" in out) == (0, True)
    assert sorted(record.kind for record in store.records()) == [
        "evaluation",
        "maps",
        "student",
        "student",
    ]
    assert len(list(store.keys())) == 4


def test_what_several_experiments_refer_to_stays(bench, small, tmp_path):
    small().rename(tmp_path / "kept.toml")
    assert "nothing to delete" in bench("clean", str(tmp_path / "kept.toml"), edits=CHANGED)[1]


def test_all_experiments_at_hand_are_meant_where_none_is_named(results, capsys):
    """None of them has the tiny experiment's settings."""
    assert main(["clean", "--yes", "--results", str(results)]) == 0
    out = capsys.readouterr().out
    assert "so that their records are not recognised and would be deleted" in out
    assert "ablation on miniature" in out.partition("\ninputs not prepared here: ")[2]
    assert "7 records and 0 temporary files deleted" in out


def test_what_a_results_folder_is_made_of_stays(bench, results):
    """Whatever the experiment has become since."""
    store = RunStore(results / "runs")
    found = [record for record in store.records() if record.kind == "evaluation"]
    (results / "mine").mkdir()
    (results / "mine" / "cells.csv").write_text("\n".join(["key", *(cell.key for cell in found)]))
    assert "nothing to delete" in bench("clean", "--yes", edits=CHANGED)[1]
    (results / "mine" / "cells.csv").write_text("key\n")
    assert "3 records" in bench("clean", "--yes", edits=CHANGED)[1]


def test_failures_and_damage_that_nothing_refers_to_go_too(bench, results):
    store = RunStore(results / "runs")
    store.folder("ff" + 62 * "0").mkdir(parents=True)
    (store.folder("ff" + 62 * "0") / "failure.json").write_text("{}")
    assert "1 record and 0 temporary files deleted" in bench("clean", "--yes")[1]
    assert len(list(store.keys())) == 7


def test_progress_is_kept_while_nobody_can_tell_whose_it_is(bench, results):
    """Without the data of an experiment the keys of its stages are not known."""
    progress = RunStore(results / "runs").unfinished("ff" + 62 * "0")
    progress.parent.mkdir(parents=True)
    progress.write_bytes(b"x")
    assert "nothing to delete" in bench("clean", "--yes")[1]
    assert progress.exists()


def test_old_temporary_files_go(bench, results):
    part = results / "runs" / ".record.json.abc.part"
    part.write_text("x")
    assert "nothing to delete" in bench("clean", "--yes")[1], "it may be in use"
    day = time.time() - 90_000
    os.utime(part, (day, day))
    assert "0 records and 1 temporary file deleted" in bench("clean", "--yes")[1]
    assert not part.exists()
