from pathlib import Path

import pytest

from bench.common.source_code import Source
from bench.inspection import edits
from bench.inspection.edits import edited_methods
from tests.inspection.inspected import PROVENANCE, fill


@pytest.fixture
def of_somebody(monkeypatch):
    """Let the steps of maps be of somebody's own module."""

    def source(cls):
        return Source(Path("mine.py"), "today") if cls.kind == "maps" else None

    monkeypatch.setattr(edits, "foreign_source", source)


@pytest.mark.parametrize(
    ("provenance", "told"), [({"source": "then"}, True), ({"source": "today"}, False), ({}, False)]
)
def test_results_of_other_code_at_the_same_version_are_told(
    of_somebody, lay, store, provenance, told
):
    laid = lay()
    fill(store, laid.stages.values(), provenance={**PROVENANCE, **provenance})
    found = edited_methods(laid.stages.values(), store.get)
    count = sum(stage.kind == "maps" for stage in laid.stages.values())
    assert len(found) == told
    if told:
        assert found[0].startswith(f"mine.py: was edited since {count} of the stored results were")
        assert "raise the version" in found[0]


def test_what_is_not_stored_is_not_told(of_somebody, lay, store):
    assert edited_methods(lay().stages.values(), store.get) == ()
