from datetime import date

import numpy as np
import pytest

import destseg
from bench.cli import main
from bench.data.kinds import find_kind
from bench.experiment.grid import Cell
from bench.metrics import METRICS
from bench.planning.inputs import Sources
from bench.planning.stages import plan
from bench.running.runner import run
from bench.running.workers import InProcess
from bench.store.runs import RunStore
from bench.workflows import models
from bench.workflows.models import evaluate_model, model_of_cell
from destseg.card import Card
from destseg.errors import InputError

CELL = Cell("DeSTSeg", "den+ed+seg", "bottle", 0)


def of(variant, category="bottle"):
    return Cell("DeSTSeg", variant, category, 0)


@pytest.fixture(scope="module")
def finished(tiny, tiny_inputs, tmp_path_factory):
    """A results folder with the cell and its sister without seg."""
    results = tmp_path_factory.mktemp("results")
    laid = plan(tiny, [CELL, of("den+ed")], tiny_inputs)
    store = RunStore(results / "runs")
    run(laid, tiny, tiny_inputs, store, InProcess("cpu"))
    rounded = tiny.in_precision("bf16")
    run(plan(rounded, [CELL], tiny_inputs), rounded, tiny_inputs, store, InProcess("cpu"))
    records = {cell: store.get(stage.key) for cell, stage in laid.evaluations.items()}
    return results, {cell.variant: record.metrics for cell, record in records.items()}


@pytest.fixture
def export(tiny, finished, shared_cache):
    def export(cell=CELL, experiment=tiny):
        sources = Sources(None, None, shared_cache)
        return model_of_cell(experiment, sources, finished[0], cell, "cpu")

    return export


def test_an_exported_model_has_the_metrics_of_its_cells(
    export, finished, tmp_path, tiny, shared_cache
):
    """Through a model file, read as anybody's: both maps score what the run recorded."""
    path = destseg.save(export(), tmp_path / "model.pt")
    (root,) = shared_cache.glob(f"miniature-*-{tiny.dataset.size}")
    found = evaluate_model(
        destseg.load(path),
        "bottle",
        Sources(root, None, shared_cache),
        protocol=tiny.protocol,
        device="cpu",
    )
    assert not found.in_paper
    for name, variant in (("segmentation", "den+ed+seg"), ("distance", "den+ed")):
        for metric in METRICS:
            recorded = finished[1][variant][metric.key]
            assert found.scores[name][metric.key] == pytest.approx(recorded, abs=1e-6)


def test_a_model_says_when_and_in_which_precision_it_was_trained(export, tiny):
    card = export(experiment=tiny.in_precision("bf16")).card
    assert card.precision == "bf16"
    date.fromisoformat(card.trained)


def test_an_exported_model_has_a_scale(export):
    model = export()
    assert 0 < model.scale.normal < model.scale.anomalous
    assert 0 < model.scale.limit < 1
    assert not model.training
    assert model.card.precision == "float32"
    picture = np.zeros((40, 50, 3), np.uint8)
    assert model.predict(picture)[0].anomaly_map.shape == (40, 50)


@pytest.mark.parametrize(
    ("cell", "said"),
    [
        (of("den"), "without seg there is no whole model"),
        (of("seg"), "its student is not there"),
        (of("den+ed+seg+no-l1"), "its segmentation is not there"),
        (of("den+ed+seg", "bottles"), "no category 'bottles'; did you mean bottle"),
    ],
)
def test_a_cell_that_has_no_model(export, cell, said):
    with pytest.raises(InputError, match=said):
        export(cell)


# Commands


def test_export_and_evaluate(finished, tiny_file, tmp_path, mvtec_folder, capsys):
    common = ["--results", str(finished[0]), "--category", "bottle", "--seed", "0"]
    path = tmp_path / "model.pt"
    arguments = ["model", "export", str(tiny_file), *common, "--device", "cpu", "--out", str(path)]
    assert main(arguments) == 0
    assert "bottle DeSTSeg den+ed+seg seed 0" in capsys.readouterr().out
    assert main([*arguments, "--authors"]) == 2
    assert "the authors' program cannot use this model" in capsys.readouterr().err
    data = ["--data", str(mvtec_folder), "--category", "bottle", "--device", "cpu"]
    assert main(["model", "evaluate", str(path), *data]) == 0
    out = capsys.readouterr().out
    assert out.startswith("bottle, 6 test images, protocol paper v1; in percent, one model\n")
    lines = [line.split() for line in out.splitlines()]
    assert [line[0] for line in lines if line][-2:] == ["segmentation", "distance"]
    assert "paper," not in out.split("percent")[1], "a folder of that name is not MVTec AD"


def test_published_figures_stand_beside_mvtec_ad_alone(tmp_path, mvtec_folder, capsys, monkeypatch):
    model = destseg.DeSTSeg(
        destseg.resnet.ResNet18(8, 3), destseg.ModelConfig(8, 8, (1, 2)), size=32
    )
    model.card = Card(recipe={"precision": "bf16"})
    path = destseg.save(model, tmp_path / "model.pt")
    arguments = ["model", "evaluate", str(path), "--data", str(mvtec_folder), "--category"]
    monkeypatch.setattr(models, "folder_origin", lambda _: find_kind("mvtec").origin({}))
    assert main([*arguments, "bottle", "--device", "cpu"]) == 0
    first, *_, last = capsys.readouterr().out.splitlines()
    assert first.endswith("in percent, one model, trained in bf16")
    assert last.startswith("paper, mean ± std of 5 seeds")
    for figure in ("99.2 ± 0.2", "90.3 ± 1.8", "90.5 ± 1.7", "82.5 ± 4.1"):
        assert figure in last


@pytest.mark.parametrize(
    ("missing", "said"), [("--category", "--category: give it once"), ("--seed", "--seed: give")]
)
def test_export_is_of_one_cell(tiny_file, tmp_path, capsys, missing, said):
    options = {"--category": "bottle", "--seed": "0"}
    chosen = [word for pair in options.items() if pair[0] != missing for word in pair]
    assert main(["model", "export", str(tiny_file), *chosen, "--out", str(tmp_path / "m")]) == 2
    assert said in capsys.readouterr().err
