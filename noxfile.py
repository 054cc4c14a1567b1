"""Sessions: ``nox -s reproduce`` regenerates the paper, ``nox -s tests`` runs the tests.

Everything after ``--`` goes to the command behind the session. ``--no-venv`` uses the
environment at hand, for instance one with a CUDA build of torch.
"""

import nox

nox.needs_version = ">=2024.4.15"
nox.options.default_venv_backend = "uv|virtualenv"
nox.options.sessions = ["lint", "tests"]

# Tests start many processes, and each would compile torch anew where no bytecode is kept. Their
# networks are too small for threads, which would wait for each other.
ENVIRONMENT = {"PYTHONDONTWRITEBYTECODE": "", "OMP_NUM_THREADS": "1"}

# The tests of seconds, by two processes: one that has done its half takes of the other's.
PYTEST = ("pytest", "-n", "2", "--dist", "worksteal")

CODE = ("bench", "destseg", "benchmarks", "tests", "noxfile.py")


@nox.session
def reproduce(session: nox.Session) -> None:
    """Run an experiment (default: the ablation on the embedded miniature)."""
    session.install("-e", ".")
    session.run("python", "-m", "bench", "reproduce", *session.posargs)


@nox.session
def tests(session: nox.Session) -> None:
    """Run the tests that take seconds."""
    session.install("-e", ".[test]")
    session.run(*PYTEST, *session.posargs, env=ENVIRONMENT)


@nox.session(name="tests-lowest", python="3.11", venv_backend="uv", default=False)
def tests_lowest(session: nox.Session) -> None:
    """Run the tests with the oldest packages that pyproject allows.

    Old packages deprecate each other, which says nothing of us: only here is that no error.
    """
    session.install("--resolution", "lowest-direct", "-e", ".[test]")
    session.run(*PYTEST, "-W", "ignore::DeprecationWarning", *session.posargs, env=ENVIRONMENT)


@nox.session(default=False)
def coverage(session: nox.Session) -> None:
    """Run the tests and fail below the floor of coverage in pyproject."""
    session.install("-e", ".[test]")
    session.run("coverage", "erase")
    session.run("coverage", "run", "-m", *PYTEST, *session.posargs, env=ENVIRONMENT)
    # Tells of processes that were killed while they wrote, and goes on.
    session.run("coverage", "combine", "--quiet")
    session.run("coverage", "report", "--skip-covered")


@nox.session(default=False)
def regress(session: nox.Session) -> None:
    """Compare the smoke grid, or what is asked for, with its committed baseline."""
    session.install("-e", ".")
    session.run("python", "-m", "bench", "regress", *session.posargs)


@nox.session(default=False)
def baseline(session: nox.Session) -> None:
    """Adopt a change: ``nox -s baseline -- --reason "why"``."""
    session.install("-e", ".")
    session.run("python", "-m", "bench", "baseline", *session.posargs)


@nox.session(name="tests-slow", default=False)
def tests_slow(session: nox.Session) -> None:
    """Run the tests that take minutes."""
    session.install("-e", ".[test,onnx]")
    session.run("pytest", "-m", "slow", *session.posargs, env=ENVIRONMENT)


@nox.session(default=False)
def faults(session: nox.Session) -> None:
    """Kill runs at any moment, fill disks, take folders away: nothing may be lost."""
    session.install("-e", ".[test]")
    session.run("pytest", "-m", "faults", *session.posargs, env=ENVIRONMENT)


@nox.session
def lint(session: nox.Session) -> None:
    """Check style, spelling and types."""
    session.install("-e", ".[lint]")
    session.run("ruff", "check", *CODE)
    session.run("ruff", "format", "--check", *CODE)
    session.run("typos")
    session.run("mypy")


@nox.session(default=False)
def benchmark(session: nox.Session) -> None:
    """Measure speed: ``nox -s benchmark``, or ``-- steps data``; ``-- --help`` tells all."""
    session.install("-e", ".")
    session.run("python", "-m", "benchmarks", *session.posargs)


@nox.session(default=False)
def docs(session: nox.Session) -> None:
    """Write the API page of `bench.metrics`, `bench.methods` and `destseg` to build/api."""
    session.install("-e", ".[docs]")
    packages = session.posargs or ("bench.metrics", "bench.methods", "destseg")
    session.run("pdoc", "--docformat", "numpy", "--output-directory", "build/api", *packages)
