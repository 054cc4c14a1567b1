"""The experiments and baselines that come with the project, by name."""

from importlib import resources
from pathlib import Path

from destseg.errors import InputError, suggestion

_PACKAGED = Path(str(resources.files("bench"))) / "experiments"

EXPERIMENTS = _PACKAGED if _PACKAGED.is_dir() else Path(__file__).parents[2] / "experiments"
"""The folder of a checkout, or of an installed package, whose copy is inside ``bench``."""


def experiment_names() -> tuple[str, ...]:
    """List the experiments that come with the project."""
    return tuple(sorted(path.stem for path in EXPERIMENTS.glob("*.toml")))


def find_experiment(given: Path) -> Path:
    """Return an experiment's file.

    Parameters
    ----------
    given : Path
        Of any file, or the bare name of one that comes with the project, such as ``mvtec``.

    Raises
    ------
    InputError
        When there is neither; the message names the nearest.
    """
    if given.is_file():
        return given
    names = experiment_names()
    if str(given) in names:
        return EXPERIMENTS / f"{given}.toml"
    raise InputError(f"{given}: no such experiment or file; {suggestion(given.stem, names)}")


def baseline_of(experiment: Path) -> Path:
    """Return where the baseline of an experiment that comes with the project is."""
    return EXPERIMENTS / "baselines" / f"{experiment.stem}.json"
