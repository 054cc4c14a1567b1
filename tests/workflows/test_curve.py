"""Quality by length of training: other images, the right updates, nothing of the test set."""

import pandas as pd
import pytest

from bench.cli import main
from bench.experiment.reading import load_experiment
from bench.methods import method, methods
from bench.results.files import read_results, write_results
from bench.workflows import curve as curves
from bench.workflows.curve import at_length, development_of
from destseg.errors import InputError


@pytest.mark.parametrize("name", [name for name, known in methods().items() if known.scaled])
def test_a_scaled_configuration_differs_in_its_updates_alone(name):
    known = method(name)
    config = known.config()
    assert known.scaled(config, 1.0) == config
    twice, nothing = known.scaled(config, 2.0), known.scaled(config, 1e-9)
    assert twice != config
    assert known.scaled(twice, 0.5) == config
    variant = known.variants[known.full]
    for small in (known.last(nothing, variant), known.last(twice, variant)):
        assert type(small) is type(known.last(config, variant))


def test_at_other_lengths_only_what_is_trained_is_left(write_tiny):
    path = write_tiny({"seeds = [0, 1]": 'seeds = [0, 1]\nmethods = ["PatchCore", "STFPM"]'})
    experiment = development_of(load_experiment(path))
    assert experiment.dataset.kind == "development"
    assert list(at_length(experiment, 1.0).configs) == ["PatchCore", "STFPM"]
    half = at_length(experiment, 0.5)
    assert list(half.configs) == list(half.grid.variants) == ["STFPM"]
    assert half.configs["STFPM"].epochs == experiment.configs["STFPM"].epochs // 2


def test_a_dataset_without_other_images_is_refused(tmp_path):
    path = tmp_path / "own.toml"
    path.write_text('[dataset]\nkind = "mvtec"\n', encoding="utf-8")
    with pytest.raises(InputError, match="no development images"):
        development_of(load_experiment(path))


def test_the_command_writes_a_curve_and_shows_it(
    write_tiny, tmp_path, capsys, tiny_finished, monkeypatch
):
    monkeypatch.setattr(curves, "FACTORS", (1.0, 2.0))
    path = write_tiny({"seeds = [0, 1]": 'seeds = [0, 1]\nvariants = ["den+ed+seg"]'})
    folder = tmp_path / "results" / "tiny"
    write_results(folder, tiny_finished.results)
    words = [str(path), "--results", str(tmp_path / "results"), "--in-process"]
    assert main(["curve", *words, "--category", "tile"]) == 0
    shown = capsys.readouterr().out
    curve = pd.read_csv(folder / "curve.csv")
    assert curve["factor"].tolist() == [1.0, 2.0]
    assert set(curve["dataset"]) == {"development"}
    assert set(curve["category"]) == {"tile"}
    assert set(curve["seed"]) == {0}
    assert curve["pixel_ap"].between(0, 1).all()
    assert curve["key"].is_unique
    for mean in 100 * curve["pixel_ap"]:
        assert f" {mean:.1f} " in shown
    assert read_results(folder).curve["factor"].tolist() == [1.0, 2.0]
