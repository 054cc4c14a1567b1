from pathlib import Path

import pytest

from bench.data.kinds import all_kinds
from bench.experiment.library import (
    EXPERIMENTS,
    baseline_of,
    experiment_names,
    find_experiment,
)
from destseg.errors import InputError


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    """No folder of experiments is at hand but the project's."""
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("name", experiment_names())
def test_every_experiment_is_found_by_its_name(name):
    assert find_experiment(Path(name)) == EXPERIMENTS / f"{name}.toml"


def test_there_are_the_defaults_and_the_gates():
    assert {*(kind.default_experiment for kind in all_kinds().values()), "smoke"} <= set(
        experiment_names()
    )
    assert baseline_of(find_experiment(Path("smoke"))).is_file()


@pytest.mark.parametrize("name", ["mine.toml", "ablation"])
def test_a_file_is_itself_whatever_its_name(tmp_path, name):
    (tmp_path / name).write_text("")
    assert find_experiment(Path(name)) == Path(name)
    assert find_experiment(tmp_path / name) == tmp_path / name


@pytest.mark.parametrize("given", ["ablatoin", "ablatoin.toml", "experiments/ablatoin.toml"])
def test_the_nearest_and_the_known_are_named(given):
    with pytest.raises(InputError) as caught:
        find_experiment(Path(given))
    said = f"{given}: no such experiment or file; did you mean ablation?"
    assert str(caught.value).startswith(said)


def test_a_path_is_no_name():
    with pytest.raises(InputError, match="no such experiment"):
        find_experiment(Path("elsewhere/ablation"))
