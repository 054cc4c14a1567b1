import subprocess
import sys

import pytest

import destseg


@pytest.mark.parametrize("name", destseg.__all__)
def test_every_public_name_is_there(name):
    value = getattr(destseg, name)
    assert value is getattr(sys.modules[value.__module__], name)
    assert value.__module__.startswith("destseg.")


def test_a_name_that_is_none_is_an_ordinary_error():
    with pytest.raises(AttributeError, match="module 'destseg' has no attribute 'trian'"):
        destseg.trian  # noqa: B018


@pytest.mark.parametrize("module", ["destseg", "destseg.config", "destseg.errors"])
def test_what_needs_no_torch_does_not_wait_for_it(module):
    code = f"import {module}, sys; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
