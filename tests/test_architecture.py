"""The house: each package of bench imports only earlier ones, and destseg none of them."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ORDER = (
    "common",
    "metrics",
    "data",
    "methods",
    "experiment",
    "stats",
    "paper",
    "store",
    "planning",
    "running",
    "results",
    "presentation",
    "inspection",
    "regress",
    "workflows",
    "commands",
)
"""From the ground up, as in docs/architecture.md."""

TOP = {"__init__", "__main__", "cli"}


def imported(path):
    """Yield the modules that a file imports, wherever in it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def package_of(path):
    return path.relative_to(ROOT / "bench").parts[0].removesuffix(".py")


def test_the_folder_has_the_packages_of_the_page_and_no_others():
    found = {package_of(path) for path in (ROOT / "bench").rglob("*.py")}
    assert found == {*ORDER, *TOP}
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    places = [page.index(f"\n{name}/") for name in ORDER]
    assert places == sorted(places)


@pytest.mark.parametrize("package", ORDER)
def test_a_package_imports_only_earlier_ones(package):
    later = {*ORDER[ORDER.index(package) + 1 :], "cli", "benchmarks"}
    wrong = [
        f"{path.relative_to(ROOT)}: {name}"
        for path in (ROOT / "bench" / package).rglob("*.py")
        for name in imported(path)
        if name.startswith("bench.") and name.split(".")[1] in later
    ]
    assert not wrong


def test_the_method_by_itself_knows_nothing_of_the_harness():
    wrong = [
        path
        for path in (ROOT / "destseg").rglob("*.py")
        if any(name.split(".")[0] in ("bench", "tests") for name in imported(path))
    ]
    assert not wrong


@pytest.mark.parametrize("module", ["bench.methods", "bench.metrics", "destseg.config"])
def test_names_are_known_without_torch(module):
    code = (
        f"import sys, {module}\n"
        "from bench.methods import methods\n"
        "methods()\n"
        "assert 'torch' not in sys.modules and 'torchvision' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)
