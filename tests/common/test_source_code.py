import importlib.util
import sys

import pytest

from bench.common.source_code import foreign_source, module_digest
from bench.methods import method_steps

TEXT = '''
"""A module."""


def area(width: int, height: int = 2) -> int:
    """Multiply."""
    return width * height


SIDE = 3
"""A side."""
'''


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"""A module."""', '"""Another."""'),
        ('    """Multiply."""\n', ""),
        ("return width", "# why\n    return width"),
        ("width * height", "(width\n            * height)"),
        ('"""A side."""', ""),
        ("= 2)", "=2)"),
    ],
)
def test_how_it_is_written_does_not_count(old, new):
    assert old in TEXT
    assert module_digest(TEXT.replace(old, new)) == module_digest(TEXT)


@pytest.mark.parametrize(
    ("old", "new"),
    [("width * height", "width + height"), ("SIDE = 3", "SIDE = 4"), ("= 2)", "= 2.0)")],
)
def test_what_it_says_counts(old, new):
    assert module_digest(TEXT.replace(old, new)) != module_digest(TEXT)


def test_digest_is_the_same_in_every_python():
    """Computed once; the tests run under every version that is supported."""
    assert module_digest("def f(x, *, y=1):\n    return f'{x!r:>3}', [i for i in y]\n") == (
        "ecec13ed196e1c68"
    )


@pytest.fixture
def load(tmp_path, monkeypatch):
    """Write and import modules of somebody's own, each time anew; return the class ``Step``."""

    def load(**texts):
        for stem, text in texts.items():
            path = tmp_path / f"{stem.replace('_in_', '/')}.py"
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
        file = tmp_path / "mine.py"
        file = file if file.is_file() else tmp_path / "mine" / "__init__.py"
        spec = importlib.util.spec_from_file_location("bench.methods.mine", file)
        module = importlib.util.module_from_spec(spec)
        monkeypatch.setitem(sys.modules, spec.name, module)
        spec.loader.exec_module(module)
        return module.Step

    return load


STEP = "class Step:\n    rate = 1\n"


def test_code_of_this_package_is_told_by_its_commit():
    assert not any(map(foreign_source, method_steps().values()))
    assert foreign_source(type(None)) is None


def test_a_method_of_somebodys_own_has_the_digest_of_what_it_says(load, tmp_path):
    first = foreign_source(load(mine=STEP))
    assert first.place == tmp_path / "mine.py"
    assert foreign_source(load(mine=f"# a comment\n{STEP}")) == first
    assert foreign_source(load(mine=STEP.replace("1", "2"))).digest != first.digest


def test_helpers_beside_it_count_and_other_methods_do_not(load):
    first = foreign_source(load(mine=STEP, _helper="x = 1\n", other="x = 1\n"))
    assert foreign_source(load(other="x = 2\n")) == first
    assert foreign_source(load(_helper="x = 2\n")).digest != first.digest


def test_a_package_counts_whole(load, tmp_path):
    texts = {"mine_in___init__": STEP, "mine_in_net": "x = 1\n"}
    first = foreign_source(load(**texts))
    assert first.place == tmp_path / "mine"
    assert foreign_source(load(mine_in_net="x = 2\n")).digest != first.digest
