import base64
import itertools
import re
from collections import Counter
from html.parser import HTMLParser

import pytest

from bench.presentation.report.page import render
from tests.report.report_cases import HOSTILE, report

VOID = {"meta", "link", "img", "input", "br"}


class Page(HTMLParser):
    """Elements with their attributes and the text below them; refuses what is not nested."""

    def __init__(self, text):
        super().__init__()
        self.elements, self._open = [], []
        self.feed(text)
        self.close()
        assert not self._open, "elements are left open"

    def handle_starttag(self, tag, attrs):
        element = {"tag": tag, "attrs": dict(attrs), "text": ""}
        assert len(dict(attrs)) == len(attrs), f"an attribute twice in {tag}"
        self.elements.append(element)
        if tag not in VOID:
            self._open.append(element)

    def handle_endtag(self, tag):
        assert self._open.pop()["tag"] == tag

    def handle_data(self, data):
        for element in self._open:
            element["text"] += data

    def all(self, tag, **attrs):
        wanted = {name.rstrip("_").replace("_", "-"): value for name, value in attrs.items()}
        return [
            element
            for element in self.elements
            if element["tag"] == tag
            and all(element["attrs"].get(name) == value for name, value in wanted.items())
        ]


@pytest.fixture(scope="module")
def text():
    return render(report())


@pytest.fixture(scope="module")
def page(text):
    return Page(text)


def test_the_page_needs_nothing_beside_it(text, page):
    for element in page.elements:
        for name in ("src", "href"):
            address = element["attrs"].get(name, "")
            assert address.startswith(("data:", "#")) or not address
    assert "@import" not in text
    assert {address[:5] for address in re.findall(r"url\(([^)]*)\)", text)} == {"data:"}
    (policy,) = page.all("meta", http_equiv="Content-Security-Policy")
    assert policy["attrs"]["content"].startswith("default-src 'none'; img-src data:")


def test_what_users_write_is_text(text, page):
    assert HOSTILE not in text
    assert len(page.all("script")) == 1
    assert f"A title {HOSTILE}" in page.all("h1")[0]["text"]
    assert page.all("img")[0]["attrs"]["alt"] == f"Alt {HOSTILE}"


def test_identifiers_are_there_once_and_links_lead_somewhere(page):
    found = Counter(e["attrs"]["id"] for e in page.elements if "id" in e["attrs"])
    assert set(found.values()) == {1}
    links = [e["attrs"]["href"][1:] for e in page.all("a")]
    assert set(links) <= set(found)
    for element in page.elements:
        for name in ("aria-labelledby", "aria-describedby"):
            if name in element["attrs"]:
                assert element["attrs"][name] in found


def test_headings_have_an_order(page):
    levels = [int(e["tag"][1]) for e in page.elements if re.fullmatch(r"h\d", e["tag"])]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in itertools.pairwise(levels))
    sections = [e["text"] for e in page.all("h2")]
    assert sections == [
        "Verdicts", "Tables", "Figures", "Gallery", "Failures of the run", "Provenance",
        "Cite and run again",
    ]  # fmt: skip


def test_every_picture_has_words(page):
    assert all(e["attrs"]["alt"] for e in page.all("img"))
    tiles = page.all("span", role="img")
    assert len(tiles) == 2 * 5 * 3
    assert all(e["attrs"]["aria-label"] for e in tiles)


def test_tables_have_headers_and_what_they_are_sorted_by(page):
    own = [e for e in page.all("table") if e["attrs"].get("class") == "sortable"]
    assert len(own) == 3
    assert len(page.all("th", scope="row", class_="l")) == 3 * 4 + 2
    values = [e["attrs"]["data-value"] for e in page.all("td") if "data-value" in e["attrs"]]
    assert values == ["9.5", "1.0", "10.5", "1.0", "-3.0"] * 3


def test_shared_notes_stand_at_the_top_only(text):
    assert text.count("Shared.") == 1
    assert text.count("Own.") == 2


def test_figures_are_inside(page):
    (first, second) = page.all("figure")
    source = page.all("img")[0]["attrs"]["src"]
    assert source.startswith("data:image/svg+xml;base64,")
    assert base64.b64decode(source.partition(",")[2]) == report().figures[0].svg
    assert "class" not in first["attrs"]
    assert second["attrs"]["class"] == "wide"


def test_maps_follow_the_chosen_view(page, text):
    radios = page.all("input", type="radio")
    assert [e["attrs"]["aria-label"] for e in radios] == [
        "none, seed 0", "none, seed 1", "den+ed+seg, seed 0", "den+ed+seg, seed 1",
    ]  # fmt: skip
    assert [e["attrs"]["id"] for e in radios if "checked" in e["attrs"]] == ["view-0"]
    rules = re.findall(
        r"#gallery:has\(#view-(\d):checked\) #sheet-(\d) \.map\{(background\S{5})", text
    )
    assert len(set(rules)) == 8
    assert [rule[2] for rule in rules].count("background:none") == 1


def test_failures_are_told_with_their_trace(page):
    (details,) = (e for e in page.all("details") if "boom" in e["text"])
    assert f"student of bottle, seed 0: boom {HOSTILE}" in details["text"]
    assert "trace\nback" in details["text"]
    assert [e["text"] for e in page.all("summary") if "codebook" in e["text"]] == [
        "codebook: too little"
    ]


def test_what_is_not_there_is_said():
    bare = Page(render(report(verdicts=(), gallery=None, gallery_note="No gallery.", failures=())))
    assert "Verdicts" not in [e["text"] for e in bare.all("h2")]
    assert not bare.all("input")
    (section,) = bare.all("section", id="gallery")
    assert "No gallery." in section["text"]
    (section,) = bare.all("section", id="failures")
    assert "None is on record." in section["text"]


def test_the_same_report_is_the_same_page(text):
    assert render(report()) == text
