"""Running an experiment for the gate: in fresh folders, since finished stages hide new code."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from bench.common.exit_codes import BAD_INPUT
from bench.data.cache import CACHE_VARIABLE
from bench.regress.measured import NOTHING, Measured, read_measured
from bench.regress.sources import ROOT
from destseg.errors import InputError


def measure(experiment: Path, options: Sequence[str] = ()) -> Measured:
    """Run an experiment's file from nothing and read its cells: none, if the run broke before.

    A stage is found again by its key, which a change of code does not touch unless somebody
    raises its version, and so is a decoded image. Neither results nor cache are therefore
    those of the machine. Options are those of ``python -m bench reproduce``, whose progress and
    failures are told on standard error. Its tables are not shown, and gone with their folder.

    Raises
    ------
    InputError
        When the run refuses its input; what is wrong is on standard error.
    """
    with tempfile.TemporaryDirectory(prefix="destseg-gate-") as folder:
        results, cache = Path(folder, "results"), Path(folder, "cache")
        command = [sys.executable, "-m", "bench", "reproduce", str(experiment.resolve())]
        command += ["--results", str(results), *options]
        paths = [str(ROOT), os.environ.get("PYTHONPATH", "")]
        environment = {
            **os.environ,
            CACHE_VARIABLE: str(cache),
            # The code beside this file, whatever else is installed.
            "PYTHONPATH": os.pathsep.join(path for path in paths if path),
        }
        done = subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, check=False)  # noqa: S603
        if done.returncode == BAD_INPUT:
            raise InputError(f"{experiment}: the run refused its input, as said above; mend that.")
        # The folder is named after the experiment and, on another dataset, after that as well.
        tables = sorted(results.glob(f"{experiment.stem}*/cells.csv"))
        return read_measured(tables[0]) if tables else NOTHING
