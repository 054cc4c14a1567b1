import base64
import itertools
import re
from collections import Counter
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from bench.presentation.report.page import render
from tests.report.report_cases import HOSTILE, RESULTS, gallery, report, table

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
    assert [e["attrs"] for e in page.all("script")] == [
        {"type": "application/json", "id": "facts"}, {},
    ]  # fmt: skip
    assert f"A title {HOSTILE}" in page.all("h1")[0]["text"]
    assert page.all("img")[0]["attrs"]["alt"] == f"Alt {HOSTILE}"


def test_identifiers_are_there_once_and_links_lead_somewhere(page):
    found = Counter(e["attrs"]["id"] for e in page.elements if "id" in e["attrs"])
    assert set(found.values()) == {1}
    links = [e["attrs"]["href"][1:] for e in page.all("a") if "download" not in e["attrs"]]
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
        "Title of ablation", "Verdicts on the paper's claims", "Further tables", "Figures",
        "Gallery", "Failures of the run", "Provenance", "Cite and run again",
    ]  # fmt: skip


def test_every_picture_has_words(page):
    assert all(e["attrs"]["alt"] for e in page.all("img"))
    tiles = page.all("span", role="img")
    assert len(tiles) == 2 * 5 * 4
    assert all(e["attrs"]["aria-label"] for e in tiles)
    truths = [e["attrs"]["aria-label"] for e in tiles if e["attrs"]["class"] == "tile truth"]
    assert truths[0] == "ground truth: nothing marked"
    assert re.fullmatch(r"ground truth: (4|5)\d % of it marked", truths[2])


def test_tables_have_headers_and_what_they_are_sorted_by(page):
    own = [e for e in page.all("table") if e["attrs"].get("class") == "sortable"]
    assert len(own) == 3
    values = [e["attrs"]["data-value"] for e in page.all("td") if "data-value" in e["attrs"]]
    assert values == ["9.5", "1.0", "10.5", "1.0", "-3.0"] * (1 + 1 + 6)


def test_the_findings_come_first_and_beside_them_table_and_figure(page):
    order = [e["attrs"]["id"] for e in page.elements if e["tag"] in ("section", "figure")]
    assert order[:4] == ["findings", "lead", "figure-one", "verdicts"]
    (section,) = page.all("section", id="findings")
    assert "seg adds 4.1, p\u00a0=\u00a0.25." in section["text"]
    assert len(page.all("figure")) == 3


def test_verdicts_have_a_word_and_a_sign_and_the_unmeasured_are_folded_away(page):
    spans = [e for e in page.all("span") if e["attrs"].get("class") in ("holds", "fails")]
    assert [" ".join(e["text"].split()) for e in spans] == [
        "✓ holds here", "✗ does not hold here", "✓ holds here",
    ]  # fmt: skip
    folded = [e["text"] for e in page.all("details", class_="fold")]
    assert ["rivals are worse" in text for text in folded] == [False, True, False]
    assert "den helps, IAP" in folded[0]
    assert "24 rows" in folded[2]


def test_tables_and_figures_can_be_taken(page):
    found = {
        e["attrs"]["download"]: e["attrs"].get("href")
        for e in page.all("a")
        if "download" in e["attrs"]
    }
    names = ("ablation", "claims", "main", "long", "image")
    tables = {f"tiny-{name}.{form}" for name in names for form in ("csv", "md", "tex")}
    figures = {f"{name}.{form}" for name in ("one", "two", "photo") for form in ("svg", "pdf")}
    assert set(found) == tables | figures
    assert decoded(found["tiny-main.csv"]) == table("main", ("Shared.",)).csv().encode()
    assert decoded(found["tiny-image.tex"]) == table("image").latex().encode()
    assert decoded(found["two.pdf"]).startswith(b"%PDF")
    assert b"<svg" in decoded(found["photo.svg"])
    assert found["two.svg"] is None, "what the picture holds is not there twice"


def decoded(address):
    return base64.b64decode(address.partition("base64,")[2])


def test_shared_notes_stand_at_the_top_only(text):
    assert text.count("Shared.") == 1
    assert text.count("Own.") == 2
    assert text.count("Follows.") == 1, "what follows is said where it first does"


def test_figures_are_inside(page):
    first, second, _ = page.all("figure")
    source = page.all("img")[0]["attrs"]["src"]
    assert source.startswith("data:image/svg+xml;base64,")
    assert decoded(source) == report().lead_figure.svg
    assert page.all("img")[2]["attrs"]["src"].startswith("data:image/webp;base64,")
    assert "class" not in first["attrs"]
    assert second["attrs"]["class"] == "wide"


def test_maps_follow_the_chosen_views(page, text):
    radios = page.all("input", type="radio", name="view")
    assert [e["attrs"]["aria-label"] for e in radios] == [
        "none, seed 0", "none, seed 1", "den+ed+seg, seed 0", "den+ed+seg, seed 1",
    ]  # fmt: skip
    chosen = [e["attrs"]["id"] for e in page.all("input") if "checked" in e["attrs"]]
    assert chosen == ["view-0", "beside-none"]
    rule = r"#gallery:has\(#(\w+)-(\d):checked\) \.(\w+)\{background-image:var\(--map-(\d)\)\}"
    found = {(choice, tile) for choice, _, tile, _ in re.findall(rule, text)}
    assert found == {("view", "map"), ("beside", "beside")}
    assert all(one == other for _, one, _, other in re.findall(rule, text))
    sheets = re.findall(r"--map-(\d):url\(", text)
    assert sorted(sheets) == ["0", "0", "1", "1", "2", "2", "3"], "each once; one has no maps"


def test_without_a_script_the_scores_of_the_first_view_are_there(page):
    (place,) = page.all("li", id="bottle/good/001")
    assert "! false alarm: score 0.7, threshold 0.3" in place["text"]
    scales = page.all("span", class_="scale")
    assert " ".join(scales[0]["text"].split()) == "0 1 and above"
    assert ["hidden" in e["attrs"] for e in scales] == [False, False, True], (
        "the last is the zoom's"
    )


def test_a_name_that_is_no_address_becomes_one():
    """The place of a picture is its address, whatever its name."""
    odd = replace(gallery(), sheets=(replace(gallery().sheets[0], names=('a b/"?',) * 5),))
    assert 'href="#bottle/a%20b/%22%3F"' in render(report(gallery=odd))


def test_failures_are_told_with_their_trace(page):
    (details,) = (e for e in page.all("details") if "boom" in e["text"])
    assert f"student of bottle, seed 0: boom {HOSTILE}" in details["text"]
    assert "trace\nback" in details["text"]
    assert [e["text"] for e in page.all("summary") if "codebook" in e["text"]] == [
        "codebook: too little"
    ]


def test_what_is_not_there_is_said():
    bare = Page(
        render(
            report(
                verdicts=None,
                claim_tables=(),
                gallery=None,
                gallery_note="No gallery.",
                failures=(),
            )
        )
    )
    assert not [e for e in bare.all("h2") if "Verdicts" in e["text"]]
    assert not bare.all("input")
    (section,) = bare.all("section", id="gallery")
    assert "No gallery." in section["text"]
    (section,) = bare.all("section", id="failures")
    assert "None is on record." in section["text"]


def test_the_same_report_is_the_same_page(text):
    assert render(report()) == text


def test_what_forbids_to_take_the_numbers_for_results_stands_before_the_findings(page):
    (first,) = page.all("p", class_="warning")
    assert first["text"].strip() == f"INCOMPLETE {HOSTILE}"
    html = render(report())
    assert html.index('class="warning"') < html.index("seg adds 4.1")
    assert 'class="warning"' not in render(report(warnings=()))


def test_a_table_of_nothing_has_a_sentence_in_its_place():
    nothing = replace(RESULTS, cells=RESULTS.cells[:0])
    lead = replace(table(), results=nothing)
    html = render(report(lead=lead))
    assert "<p>Nothing to show yet: none of 8 cells are finished.</p>" in html
    assert "tiny-ablation.csv" not in html
