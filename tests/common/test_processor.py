import hashlib
import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pytest

from bench.common.processor import VARIABLE, choose_sort, feature, sorts_slowly
from bench.metrics import ALL_METRICS, evaluate
from destseg.perlin import fade, gradients

ROOT = Path(__file__).parents[2]

ZEN_4 = """\
processor\t: 0
vendor_id\t: AuthenticAMD
cpu family\t: 25
model\t\t: 17
model name\t: AMD EPYC 9R14
flags\t\t: fpu avx2 avx512f avx512dq avx512bw avx512vl

processor\t: 1
vendor_id\t: AuthenticAMD
"""


@pytest.mark.parametrize(
    ("described", "slow"),
    [
        (ZEN_4, True),
        (ZEN_4.replace(" avx512f", ""), False),  # Zen 3, or switched off
        (ZEN_4.replace("family\t: 25", "family\t: 26"), False),  # Zen 5
        (ZEN_4.replace("AuthenticAMD", "GenuineIntel"), False),
        ("processor\t: 0\nFeatures\t: fp asimd\n", False),  # an ARM
        ("", False),
    ],
)
def test_which_processors_sort_slowly(described, slow, tmp_path):
    assert sorts_slowly(described) is slow
    (tmp_path / "cpuinfo").write_text(described)
    environment = {}
    choose_sort(environment, tmp_path / "cpuinfo")
    assert environment == ({VARIABLE: feature(version("numpy"))} if slow else {})


def test_what_the_user_has_set_stays(tmp_path):
    (tmp_path / "cpuinfo").write_text(ZEN_4)
    environment = {VARIABLE: "AVX2"}
    choose_sort(environment, tmp_path / "cpuinfo")
    assert environment == {VARIABLE: "AVX2"}


def test_nothing_is_chosen_where_processors_are_not_described(tmp_path):
    environment = {}
    choose_sort(environment, tmp_path / "cpuinfo")
    assert not environment


@pytest.mark.parametrize(
    ("numpy", "name"), [("1.26.4", "AVX512_SKX"), ("2.3.5", "AVX512_SKX"), ("2.4.0rc1", "X86_V4")]
)
def test_the_name_of_the_feature_is_that_of_the_version(numpy, name):
    assert feature(numpy) == name


def measured():
    """All metrics of maps with ties, and what masks are made of, to the bit."""
    rng = np.random.default_rng(0)
    maps = rng.standard_normal((6, 100, 100)).astype(np.float32).round(3)
    masks = rng.random((6, 10, 10)).repeat(10, axis=1).repeat(10, axis=2) > 0.9
    numbers = evaluate(maps, masks, metrics=tuple(ALL_METRICS.values()))
    terms = *gradients(rng.random((40, 40)) * 6.3), fade(rng.random(1000))
    digest = hashlib.sha256(b"".join(np.ascontiguousarray(term).tobytes() for term in terms))
    return {name: float(value).hex() for name, value in numbers.items()}, digest.hexdigest()


ELSEWHERE = """
import sys
import bench.cli, bench.commands.score
assert "numpy" not in sys.modules, "it is too late for a choice"
from tests.common.test_processor import measured
import numpy
features = getattr(numpy, "_core", None) or numpy.core
assert not features._multiarray_umath.__cpu_features__.get({feature!r})
print(measured())
"""


def test_no_number_depends_on_the_choice():
    """Nor do Perlin's functions; and `score` comes to choose before NumPy is loaded."""
    name = feature(version("numpy"))
    found = subprocess.run(
        [sys.executable, "-c", ELSEWHERE.format(feature=name)],
        env={**os.environ, VARIABLE: name, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.stdout.strip() == str(measured()), found.stderr
