import pickle
from types import SimpleNamespace

import pytest

from bench.cli import main
from bench.commands import plan
from bench.workflows import costing
from tests.commands.conftest import TWO

KINDS = ("student", "segmentation", "maps", "evaluation")
EXAMPLE_KINDS = ("mean-patch.means", "mean-patch.maps")


def counts(rows, out, kinds=KINDS):
    """Planned, there and to run of each kind."""
    found = rows(out)
    return {kind: tuple(map(int, found[kind][:3])) for kind in kinds}


@pytest.mark.parametrize(
    ("edits", "segmentation", "maps", "evaluation"),
    [
        ({}, (1, 1, 0), (2, 2, 0), (2, 2, 0)),
        ({'title = "tiny"': 'title = "other"\ntables = ["main"]'}, (1, 1, 0), (2, 2, 0), (2, 2, 0)),
        ({"head_lr = 0.1": "head_lr = 0.2"}, (1, 0, 1), (2, 1, 1), (2, 1, 1)),
    ],
    ids=["nothing", "another table", "a setting"],
)
def test_what_changed_runs_with_what_depends_on_it(
    bench, rows, edits, segmentation, maps, evaluation
):
    code, out = bench("plan", edits=edits)
    assert code == 0
    expected = ((2, 2, 0), segmentation, maps, evaluation)
    assert counts(rows, out) == dict(zip(KINDS, expected, strict=True))
    assert ("nothing to run" in out) == (evaluation == (2, 2, 0))


def test_a_changed_protocol_evaluates_stored_maps_and_trains_nothing(bench, rows):
    code, out = bench("plan", "--jobs", "2", edits={"top_t = 10": "top_t = 5"})
    assert code == 0
    found = counts(rows, out)
    assert found["evaluation"] == (2, 0, 2)
    assert all(found[kind][2] == 0 for kind in KINDS[:3])
    assert "2 stages" in out
    assert "with 2 workers" in out
    assert "stages alike" in out
    assert "Estimated for cpu.\n" in out
    assert "costs are measured" not in out


def test_what_takes_days_on_a_cpu_and_what_comes_after_is_told(bench, monkeypatch):
    monkeypatch.setattr("bench.commands.plan.DAY", 0)
    monkeypatch.setattr("bench.commands.plan.COSTS", ("main",))
    edits = {"top_t = 10": "top_t = 5", 'title = "tiny"': 'title = "tiny"\ntables = ["main"]'}
    _, out = bench("plan", edits=edits)
    assert "Estimated for cpu; a GPU takes far less.\n" in out
    assert "At the end costs are measured" in out


@pytest.mark.parametrize(
    ("name", "device", "days", "said"),
    [
        ("mvtec", "cpu", 2, "; a GPU, or experiment mvtec-cpu, takes far less"),
        ("other", "cpu", 2, "; a GPU takes far less"),
        ("mvtec", "cpu", 1, ""),
        ("mvtec", "cuda", 2, ""),
    ],
)
def test_what_is_quicker(name, device, days, said):
    laid = SimpleNamespace(experiment=SimpleNamespace(name=name))
    assert plan._quicker(laid, device, days * plan.DAY) == said


@pytest.mark.parametrize("device", ["cuda", "cuda:0"])
def test_what_needs_no_gpu_is_planned_beside_it(bench, monkeypatch, device):
    monkeypatch.setattr("destseg.application.devices.choose_device", lambda name: device)
    monkeypatch.setattr("torch.cuda.device_count", lambda: 1)
    monkeypatch.setattr("bench.common.provenance.device_name", lambda name: "GPU")
    monkeypatch.setattr("bench.commands.plan.beside", lambda name, workers: 2 * workers)
    _, out = bench("plan", edits={"top_t = 10": "top_t = 5"})
    assert "with 1 worker" in out
    assert "0.0% busy; of it" in out
    assert "need no GPU, on 2 processes beside." in out
    assert "stages alike" in out


@pytest.mark.usefixtures("undrawn")
def test_a_changed_protocol_does_run_so(bench, results):
    """What the plan says is what happens."""
    edits = {"top_t = 10": "top_t = 5"}
    records = {path: path.stat().st_mtime_ns for path in results.rglob("record.json")}
    code, out = bench("reproduce", "--in-process", edits=edits)
    assert code == 0
    assert "2 cells computed" in out
    new = set(results.rglob("record.json")) - set(records)
    assert len(new) == 2
    assert all('"kind": "evaluation"' in path.read_text() for path in new)
    assert {path: path.stat().st_mtime_ns for path in records} == records


@pytest.mark.usefixtures("undrawn", "with_example")
def test_another_method_beside_runs_alone(bench, rows, monkeypatch):
    """Costs are measured as if in a process of its own, which takes long to start."""
    monkeypatch.setattr(
        costing,
        "alone",
        lambda function, *arguments: function(*pickle.loads(pickle.dumps(arguments))),
    )
    _, out = bench("plan", edits=TWO)
    found = counts(rows, out, (*KINDS, *EXAMPLE_KINDS))
    assert [*rows(out)][2:] == ["student", "segmentation", "maps", *EXAMPLE_KINDS, "evaluation"]
    assert found["evaluation"] == (3, 2, 1)
    assert all(found[kind] == (1, 0, 1) for kind in EXAMPLE_KINDS)
    assert all(found[kind][2] == 0 for kind in KINDS[:3])
    assert "no estimate of the whole: a kind of stage has never run here." in out
    _, out = bench("plan", "--method", "mean-patch", edits=TWO)
    assert [*rows(out)][2:] == [*EXAMPLE_KINDS, "evaluation"]
    assert "nothing to run" in bench("plan", "--method", "DeSTSeg", edits=TWO)[1]
    assert "1 cell computed; 2 were there" in bench("reproduce", "--in-process", edits=TWO)[1]
    assert "nothing to run" in bench("plan", edits=TWO)[1]


def test_nothing_at_all_is_written(results, shared_cache, tmp_path, small, monkeypatch, listing):
    small()
    before = listing(tmp_path, shared_cache)
    assert main(["plan", str(tmp_path / "small.toml"), "--results", str(results)]) == 0
    assert main(["plan", str(tmp_path / "small.toml"), "--results", str(tmp_path / "new")]) == 0
    assert listing(tmp_path, shared_cache) == before
    monkeypatch.setenv("DESTSEG_BENCH_CACHE", str(tmp_path / "cache"))
    assert main(["plan", str(tmp_path / "small.toml"), "--results", str(results)]) == 0
    assert listing(tmp_path, shared_cache) == before


def test_inputs_that_are_not_prepared_are_told(small, results, tmp_path, monkeypatch, capsys, rows):
    monkeypatch.setenv("DESTSEG_BENCH_CACHE", str(tmp_path / "cache"))
    assert main(["plan", str(small()), "--results", str(results)]) == 0
    out, err = capsys.readouterr()
    assert "inputs not prepared yet: teacher, textures, bottle; finished" in err
    assert counts(rows, out)["student"] == (2, 0, 2)
    assert "stages alike" in out, "how long they take is known all the same"


def test_what_never_ran_has_no_estimate(small, tmp_path, capsys):
    assert main(["plan", str(small()), "--results", str(tmp_path / "new")]) == 0
    out = capsys.readouterr().out
    assert out.count("no estimate") == 5
    assert "no estimate of the whole: nothing has run here. One finished cell gives" in out
    assert not (tmp_path / "new").exists()


def test_a_training_of_a_few_updates_gives_no_estimate_of_a_long_one(bench, rows):
    """Nearly all of its time is start-up, which many updates do not multiply."""
    _, out = bench("plan", edits={"student_steps = 2": "student_steps = 300"})
    assert " ".join(rows(out)["student"]).endswith("no estimate too few updates")
    assert "no stage of kind student has trained for long enough to tell. One finished cell" in out


def test_the_papers_grid_is_laid_out_without_its_data(tmp_path, capsys, rows):
    assert main(["plan", "--dataset", "mvtec", "--results", str(tmp_path / "new")]) == 0
    assert counts(rows, capsys.readouterr().out)["student"] == (300, 0, 300)
