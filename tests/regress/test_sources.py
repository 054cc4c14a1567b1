import pytest

from bench.regress.sources import PIPELINE, ROOT, changed_sources, module_digest, source_digests

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


def test_pipeline_is_ordered_and_whole():
    assert all((ROOT / part).exists() for part in PIPELINE)
    names = list(source_digests())
    assert names.index("bench/data/teacher.py") < names.index("destseg/losses.py")
    assert names.index("destseg/losses.py") < names.index("bench/metrics/regions.py")
    assert "bench/planning/stages.py" in names


def test_changes_are_named_in_the_pipelines_order():
    old = {"bench/metrics/a.py": "1", "destseg/b.py": "1", "bench/data/c.py": "1"}
    new = {"bench/metrics/a.py": "2", "destseg/b.py": "2", "bench/planning/stages.py": "1"}
    assert changed_sources(old, new) == (
        "bench/data/c.py",
        "destseg/b.py",
        "bench/planning/stages.py",
        "bench/metrics/a.py",
    )
