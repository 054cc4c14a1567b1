"""Protocols by what somebody calls them: a name, or an experiment's file."""

from pathlib import Path

from bench.experiment.reading import load_experiment
from bench.metrics import PROTOCOLS, Protocol
from destseg.errors import InputError, suggestion


def load_protocol(name: str) -> Protocol:
    """Return a protocol by its name, or that of an experiment by the path of its file.

    Raises
    ------
    InputError
        When there is none of that name, or the file is at fault.
    """
    if name.endswith(".toml"):
        return load_experiment(Path(name)).protocol
    if name not in PROTOCOLS:
        raise InputError(
            f"--protocol {name}: neither a protocol nor an experiment's TOML file; "
            f"{suggestion(name, PROTOCOLS)}"
        )
    return PROTOCOLS[name]
