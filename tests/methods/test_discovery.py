"""Methods are found by being there, and what is wrong with one is told in a sentence."""

import re

import pytest

from bench import methods as package
from bench.cli import main
from bench.planning.stages import step_types
from destseg.errors import InputError

ONE = """
from dataclasses import dataclass
from bench.methods.codecs import SCORES
from bench.methods.interface import Method
from bench.methods.steps import Step

@dataclass(frozen=True)
class Config:
    size: int = 3

@dataclass(frozen=True)
class Maps(Step):
    kind = "KIND"
    seeded = False
    reads = ("images",)
    codec = SCORES

METHOD = Method("NAME", "nobody", Config, lambda config, _: Maps(), {"": None})
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder of methods, written by a function, that is looked into while a test runs."""
    monkeypatch.setattr(package, "__path__", [*package.__path__, str(tmp_path)])

    def write(**modules):
        for name, text in modules.items():
            (tmp_path / f"{name}.py").write_text(text, encoding="utf-8")
        package.forget()

    yield write
    package.forget()


def module(name="own", kind="own.maps"):
    return ONE.replace("NAME", name).replace("KIND", kind)


def test_a_module_is_a_method_and_those_with_a_bar_help(folder):
    folder(found_one=module(), _found_help="X = 1")
    first, *others = package.methods()
    assert first == "DeSTSeg"
    assert {"own", *package.FLOORS} <= set(others)
    assert others == sorted(others, key=str.lower)
    assert "own.maps" in step_types()
    method = package.method("own")
    assert (method.full, method.design) == ("", ("",))
    assert method.summary(method.config()) == "size 3"


@pytest.mark.parametrize(
    ("modules", "said"),
    [
        ({"bad_none": "X = 1"}, "has no METHOD"),
        ({"bad_syntax": "def"}, "bad_syntax cannot be imported (SyntaxError"),
        ({"bad_import": "import nowhere_at_all"}, "cannot be imported (ModuleNotFoundError"),
        ({"bad_empty": module().replace('{"": None}', "{}")}, "own has no variants"),
        ({"bad_name": module("DeSTSeg")}, "a method 'DeSTSeg' is there already"),
        ({"bad_kind": module(kind="maps")}, "another step has the kind 'maps'"),
        ({"bad_own": module(kind="evaluation")}, "another step has the kind 'evaluation'"),
        ({"twice_a": module("a"), "twice_b": module("b")}, "has the kind 'own.maps'"),
        ({"destseg": module()}, "destseg is the name of a module of bench.methods"),
        ({"interface": module()}, "interface is the name of a module of bench.methods"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_what_is_wrong_with_a_module_is_told(folder, modules, said, capsys):
    folder(**modules)
    with pytest.raises(InputError, match=re.escape(said)):
        package.methods()
    assert main(["status"]) == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize("named", [True, False])
def test_an_unknown_method_may_be_in_a_folder_that_is_not_named(monkeypatch, named):
    if named:
        monkeypatch.setenv(package.METHODS_VARIABLE, "somewhere")
    else:
        monkeypatch.delenv(package.METHODS_VARIABLE, raising=False)
    with pytest.raises(InputError, match="unknown method 'mine'; there are DeSTSeg") as caught:
        package.method("mine")
    assert (package.METHODS_VARIABLE in str(caught.value)) is not named


def test_a_folder_that_is_not_there_is_named(monkeypatch, tmp_path):
    monkeypatch.setattr(package, "__path__", [*package.__path__, str(tmp_path / "none")])
    package.forget()
    with pytest.raises(InputError, match="none is no folder"):
        package.methods()
    monkeypatch.undo()
    package.forget()
