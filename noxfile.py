"""Sessions: ``nox -s reproduce`` regenerates the paper, ``nox -s tests`` runs the tests.

Everything after ``--`` goes to the command behind the session. ``--no-venv`` uses the
environment at hand, for instance one with a CUDA build of torch.
"""

import nox

nox.needs_version = ">=2024.4.15"
nox.options.default_venv_backend = "uv|virtualenv"
nox.options.sessions = ["lint", "tests"]

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
    session.run("pytest", *session.posargs)


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
    session.install("-e", ".[test]")
    session.run("pytest", "-m", "slow", *session.posargs)


@nox.session(default=False)
def faults(session: nox.Session) -> None:
    """Kill runs at any moment, fill disks, take folders away: nothing may be lost."""
    session.install("-e", ".[test]")
    session.run("pytest", "-m", "faults", *session.posargs)


@nox.session
def lint(session: nox.Session) -> None:
    """Check style and types."""
    session.install("-e", ".[lint]")
    session.run("ruff", "check", *CODE)
    session.run("ruff", "format", "--check", *CODE)
    session.run("mypy")


@nox.session(default=False)
def benchmark(session: nox.Session) -> None:
    """Measure speed: ``nox -s benchmark -- metrics``, ``-- store`` or ``-- schedule``."""
    session.install("-e", ".")
    name, *rest = session.posargs or ("metrics",)
    session.run("python", "-m", f"benchmarks.{name}", *rest)
