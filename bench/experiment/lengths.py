"""How long a method trains, as its settings in an experiment have it."""

from collections.abc import Mapping
from typing import Any

from bench.experiment.experiment import flat_settings
from bench.experiment.reading import convert
from bench.methods.interface import Method
from destseg.errors import InputError

FEWEST = 10
"""Updates below which a network has hardly left the weights it began with."""

FEWEST_PASSES = 2
"""The same in passes over the images, of which each has a few updates at least."""


def hardly_trains(unit: str, count: int) -> bool:
    """Tell whether so many ``epochs``, or else updates, are too few for a network to train."""
    return count < (FEWEST_PASSES if unit == "epochs" else FEWEST)


def lengths(
    method: Method[Any, Any], settings: Mapping[str, Any]
) -> tuple[tuple[str, str, int], ...]:
    """Find the counts that `Method.scaled` multiplies, in the steps that are trained.

    Parameters
    ----------
    method
        Any; one that trains nothing has no lengths.
    settings
        Its own of `Experiment.settings`; what they lack is the default.

    Returns
    -------
    tuple of (str, str, int)
        Of each training the kind of its step, the name of the count and the count, such as
        ``("stfpm.student", "epochs", 100)``. None for settings that the method does not read.
    """
    if method.scaled is None:
        return ()
    try:
        config = convert(_said(settings), method.config, method.name)
    except InputError:  # results of before or after a setting was renamed
        return ()
    variant = method.variants[method.full]
    longer = method.last(method.scaled(config, 2), variant).lineage()
    found = {}
    for step, other in zip(method.last(config, variant).lineage(), longer, strict=False):
        after = flat_settings(other.settings)
        for name, value in flat_settings(step.settings).items():
            if value != after.get(name, value) and isinstance(value, int):
                found[step.kind, name.rpartition(".")[2]] = value
    return tuple((kind, unit, count) for (kind, unit), count in found.items())


def _said(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out what is None, which TOML does not know."""
    return {
        name: _said(value) if isinstance(value, Mapping) else value
        for name, value in settings.items()
        if value is not None
    }
