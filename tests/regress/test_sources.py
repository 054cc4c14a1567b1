from bench.regress.sources import PIPELINE, ROOT, changed_sources, source_digests


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
