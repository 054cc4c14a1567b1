"""The page in a real browser: skipped where there is no Chromium or no Selenium."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from bench.presentation.report.page import render
from bench.presentation.report.verdicts import view_verdicts
from tests.presentation.tabulated import MINIATURE
from tests.report.report_cases import report, table

webdriver = pytest.importorskip("selenium.webdriver")
waiting = pytest.importorskip("selenium.webdriver.support.wait")
BROWSER = shutil.which("chromium") or shutil.which("google-chrome")
DRIVER = shutil.which("chromedriver")
pytestmark = pytest.mark.skipif(
    not (BROWSER and DRIVER), reason="chromium and chromedriver are not installed"
)

FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run "
    "--disable-background-networking --disable-component-update --disable-sync"
)


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "report.html"
    path.write_text(render(report()), encoding="utf-8")
    return path.as_uri()


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    options = webdriver.ChromeOptions()
    options.binary_location = BROWSER
    for flag in (*FLAGS.split(), f"--user-data-dir={tmp_path_factory.mktemp('profile')}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    service = webdriver.ChromeService(DRIVER, log_output=subprocess.DEVNULL)
    driver = webdriver.Chrome(options=options, service=service)
    into = {"behavior": "allow", "downloadPath": str(tmp_path_factory.mktemp("taken"))}
    driver.execute_cdp_cmd("Browser.setDownloadBehavior", into)
    driver.taken = Path(into["downloadPath"])
    yield driver
    driver.quit()


@pytest.fixture
def page(browser, address):
    """The page, loaded afresh at the size of a laptop."""
    size = {"width": 1200, "height": 800, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})
    browser.get("about:blank")  # what differs in its fragment only would not be loaded again
    browser.get(address)
    return browser


def run(page, script, *arguments):
    return page.execute_script(f"return {script}", *arguments)


def one(page, selector):
    return page.find_element("css selector", selector)


def column(page, number):
    cells = f"#table-ablation tbody tr > :nth-child({number})"
    return [cell.text for cell in page.find_elements("css selector", cells)]


def test_nothing_is_complained_of_and_nothing_fetched(page, address):
    assert page.get_log("browser") == []
    events = [json.loads(entry["message"])["message"] for entry in page.get_log("performance")]
    asked = {
        event["params"]["request"]["url"]
        for event in events
        if event["method"] == "Network.requestWillBeSent"
    }
    # The browser's own pages are its business.
    assert {url for url in asked if not url.startswith(("data:", "chrome:"))} == {address}
    broken = page.execute_script(
        "return [...document.images].filter(i => !i.complete || !i.naturalWidth).length"
    )
    assert broken == 0


def test_a_table_is_sorted_by_numbers_and_back(page):
    before = column(page, 3)
    header = one(page, "#table-ablation th:nth-child(3)")
    header.find_element("css selector", "button").click()
    falling = ["10.5 ± 2.5 (2 of 3 seeds)", "9.5 ± 0.5", "−3.0", "—"]
    assert column(page, 3) == falling
    assert header.get_attribute("aria-sort") == "descending"
    header.find_element("css selector", "button").click()
    assert column(page, 3) == ["−3.0", "9.5 ± 0.5", "10.5 ± 2.5 (2 of 3 seeds)", "—"]
    assert header.get_attribute("aria-sort") == "ascending"
    header.find_element("css selector", "button").click()
    assert column(page, 3) == before
    assert header.get_attribute("aria-sort") is None


def test_a_table_is_sorted_by_words_from_the_keyboard(page):
    button = one(page, "#table-ablation th:first-child button")
    page.execute_script("arguments[0].focus()", button)
    page.switch_to.active_element.send_keys("\n")
    assert column(page, 1)[1:] == ["den", "ed", "none"]
    assert column(page, 3)[3] == "9.5 ± 0.5", "whole rows move"


def background_of(page, tile):
    return run(page, "getComputedStyle(arguments[0]).backgroundImage", one(page, tile))


def click(page, selector):
    run(page, "arguments[0].click()", one(page, selector))


def choose(page, **values):
    """Set the fields of the form, as a user would."""
    for name, value in values.items():
        field = one(page, f"#choose [name={name}]")
        run(page, "(arguments[0].value = arguments[1])", field, value)
        run(page, "arguments[0].dispatchEvent(new Event('change', {bubbles: true}))", field)


def pictures(page, sheet=0):
    """The names of a category's pictures that are shown, in their order."""
    shown = page.find_elements("css selector", f"#sheet-{sheet} .tiles li:not([hidden]) .name")
    return [run(page, "arguments[0].textContent", name) for name in shown]


def test_the_gallery_shows_the_chosen_maps(page):
    first, inputs = background_of(page, "#sheet-0 .map"), background_of(page, "#sheet-0 .input")
    assert first.startswith('url("data:image/webp')
    radio = one(page, "#view-3")
    page.execute_script("arguments[0].focus()", radio)
    page.switch_to.active_element.send_keys(" ")
    now = background_of(page, "#sheet-0 .map")
    assert now.startswith('url("data:image/webp')
    assert now != first
    assert background_of(page, "#sheet-0 .input") == inputs
    assert one(page, "#sheet-0 .said").text == "✓ passed: score 0.1, threshold 0.3"
    size = one(page, "#sheet-0 .map").size
    assert size["width"] > 60
    assert size["width"] == pytest.approx(size["height"], abs=1)


def test_two_are_seen_beside_each_other_and_where_they_differ(page):
    assert not one(page, "#sheet-0 .beside").is_displayed()
    click(page, "input[name=beside][aria-label='none, seed 0']")
    assert one(page, "#sheet-0 .beside").is_displayed()
    shown = [background_of(page, f"#sheet-0 .{tile}") for tile in ("map", "beside")]
    assert shown[0] != shown[1]
    said = one(page, "#sheet-0 li:nth-child(2)").text
    assert "den+ed+seg, seed 0: ! false alarm: score 0.7, threshold 0.3" in said
    assert "none, seed 0: ✓ passed: score 0.2, threshold 0.3" in said
    scales = [e.text for e in page.find_elements("css selector", "#sheet-0 .scale")]
    assert scales == ["den+ed+seg, seed 0: 0 1 and above", "none, seed 0: 0 1 and above"]
    choose(page, outcome="differ")
    assert pictures(page) == ["good/001"]
    click(page, "#beside-none")
    assert len(pictures(page)) == 5, "nothing differs from none"


def test_maps_are_laid_over_the_input(page):
    script = "getComputedStyle(arguments[0], '::after').content"
    assert run(page, script, one(page, "#sheet-0 .map")) == "none"
    click(page, "#overlay")
    assert run(page, script, one(page, "#sheet-0 .map")) == '""'


def test_pictures_are_sorted_and_filtered(page):
    choose(page, order="falling")
    falling = ["hole/001", "hole/000", "good/001", "scratch/000", "good/000"]
    assert pictures(page) == falling
    choose(page, order="close")
    assert pictures(page)[0] == "scratch/000"
    choose(page, order="rising", defect="hole")
    assert pictures(page) == ["hole/000", "hole/001"]
    choose(page, defect="", outcome="a")
    assert pictures(page) == ["good/001"]
    assert one(page, "#choose output").text == "2 of 10 pictures"
    assert one(page, "#sheet-0 .count").text == "1 of 5 test images"
    choose(page, outcome="", least="0.25", most="0.75")
    assert pictures(page) == ["scratch/000", "good/001"]
    choose(page, least="0.95")
    assert not one(page, "#sheet-0").is_displayed()
    click(page, "#choose [type=reset]")
    choose(page, order="")
    assert pictures(page) == ["good/000", "good/001", "hole/000", "hole/001", "scratch/000"]


def test_arrows_move_among_the_pictures(page):
    def keys(*pressed):
        for key in pressed:
            page.switch_to.active_element.send_keys(key)
        return run(page, "document.activeElement.parentElement.id")

    reached = "[...document.querySelectorAll('#sheet-0 .tiles a')].filter(a => a.tabIndex === 0)"
    assert run(page, f"{reached}.length") == 1, "one stop of Tab in each category"
    run(page, f"{reached}[0].focus()")
    right, left, down, up = "\ue014", "\ue012", "\ue015", "\ue013"
    assert keys(right) == "bottle/good/001"
    assert keys(left, left) == "bottle/good/000", "there is nothing before the first"
    below = keys(down)
    places = [
        run(page, "arguments[0].getBoundingClientRect().left", one(page, f"[id='{name}']"))
        for name in ("bottle/good/000", below)
    ]
    assert places[0] == places[1]
    assert below != "bottle/good/000"
    assert keys(up) == "bottle/good/000"
    assert keys("\ue010") == "bottle/scratch/000"
    assert run(page, f"{reached}.map(a => a.parentElement.id)") == ["bottle/scratch/000"]
    page.switch_to.active_element.send_keys("\n")
    assert one(page, "#zoom h3").text.lower() == "bottle, scratch/000"
    page.switch_to.active_element.send_keys(left)
    assert one(page, "#zoom h3").text.lower() == "bottle, hole/001"
    page.switch_to.active_element.send_keys("\ue00c")
    assert not one(page, "#zoom").is_displayed()
    assert run(page, "document.activeElement.parentElement.id") == "bottle/hole/001"


def test_a_link_leads_to_one_picture_and_its_maps(page, address):
    click(page, "#view-3")
    click(page, "#beside-1")
    click(page, "[id='metal_nut/hole/000'] a")
    link = one(page, "#zoom .steps a").get_attribute("href")
    assert link == f"{address}#metal_nut/hole/000?3,1" == page.current_url
    assert "no maps" in one(page, "#zoom").text, "of this category the view has none"
    page.get("about:blank")
    page.get(link)
    assert one(page, "#zoom h3").text.lower() == "metal nut, hole/000"
    assert one(page, "#view-3").is_selected()
    assert one(page, "#beside-1").is_selected()
    assert one(page, "#zoom .input").size["width"] > 250
    assert one(page, "#zoom .input").value_of_css_property("image-rendering") == "pixelated"
    assert one(page, "#zoom .beside").get_attribute("aria-label") == "map, none, seed 0"
    assert [e.text for e in page.find_elements("css selector", "#zoom .scale")] == [
        "", "none, seed 0: 0 1 and above",
    ], "one of the two has maps of this category"  # fmt: skip
    assert background_of(page, "#zoom .input") == background_of(page, "#sheet-1 .input")


def test_tables_and_figures_are_downloaded(page):
    for name in ("tiny-main.csv", "one.svg", "one.pdf"):
        click(page, f"a[download='{name}']")
    wait = waiting.WebDriverWait(page, 10, poll_frequency=0.05)
    wait.until(lambda _: len([f for f in page.taken.iterdir() if f.suffix != ".crdownload"]) == 3)
    assert (page.taken / "tiny-main.csv").read_text() == table("main", ("Shared.",)).csv()
    assert (page.taken / "one.svg").read_bytes() == report().lead_figure.svg
    assert (page.taken / "one.pdf").read_bytes().startswith(b"%PDF")


def test_nothing_is_complained_of_while_it_is_used(page):
    click(page, "[id='bottle/hole/000'] a")
    click(page, "#zoom [name=after]")
    click(page, "#zoom [name=close]")
    assert page.get_log("browser") == []


def test_a_category_opens(page):
    tile = one(page, "#sheet-1 .input")
    assert not tile.is_displayed()
    one(page, "#sheet-1 summary").click()
    assert tile.is_displayed()


def test_without_scripts_everything_is_read(page, address):
    page.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    page.get(address)
    assert not page.find_elements("css selector", "th button")
    said = one(page, "body").text
    for part in ("den helps", "10.5 ± 2.5", "Caption.", "python -m bench reproduce"):
        assert part in said
    assert "false alarm: score 0.7" in said
    assert not one(page, "#choose").is_displayed()
    assert one(page, "#sheet-0 .map").value_of_css_property("background-image") != "none"


@pytest.mark.parametrize("width", [320, 390, 768])
def test_a_narrow_page_is_not_scrolled_sideways(page, address, width):
    size = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": True}
    page.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    page.get(address)
    assert page.execute_script("return document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("width", [390, 1200])
def test_verdicts_are_in_sight(page, tmp_path, width):
    verdicts = view_verdicts(MINIATURE)
    path = tmp_path / "report.html"
    path.write_text(render(report(verdicts=verdicts)), encoding="utf-8")
    size = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 400}
    page.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    page.get(path.as_uri())
    cells = page.find_elements("css selector", "#claims .verdict")
    assert [cell.text for cell in cells] == [f"{v.sign} {v.word}" for v in verdicts.measured]
    for cell in cells:
        assert cell.rect["x"] + cell.rect["width"] <= width


def test_a_phone_is_told_that_a_table_scrolls(page, address):
    size = {"width": 390, "height": 800, "deviceScaleFactor": 1, "mobile": True}
    page.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    page.get(address)
    region = one(page, ".scroll:has(#claims)")
    hint = region.find_element("xpath", "preceding-sibling::p[1]")
    assert hint.text.startswith("More to the right")
    assert "more" in region.get_attribute("class").split()
    run(page, "arguments[0].scrollTo(9999, 0)", region)
    wait = waiting.WebDriverWait(page, 5, poll_frequency=0.05)
    wait.until(lambda _: "more" not in region.get_attribute("class").split())


def test_axe_finds_nothing(page):
    """With ``axe.min.js`` of the npm package axe-core, where `DESTSEG_TEST_AXE` names it."""
    axe = os.environ.get("DESTSEG_TEST_AXE")
    if not axe:
        pytest.skip("DESTSEG_TEST_AXE names no axe.min.js")
    page.execute_script(Path(axe).read_text(encoding="utf-8"))
    click(page, "#beside-1")
    found = page.execute_async_script("axe.run().then(arguments[0])")
    assert [(one["id"], one["nodes"][0]["html"][:200]) for one in found["violations"]] == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_in_light_and_dark(page, scheme):
    media = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    page.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
    selectors = (
        "h1",
        "p.notes",
        "td",
        "figcaption",
        "nav a",
        "dt",
        ".name",
        "#findings li:last-child",
        ".holds",
        ".fails",
        ".undecided",
        ".tiles .said",
        ".downloads",
    )
    for selector in selectors:
        element = one(page, selector)
        ratio = contrast(colour(page, element, "color"), background(page, element))
        assert ratio >= 4.5, f"{selector} in {scheme}: {ratio:.1f}"


def colour(page, element, name):
    text = page.execute_script("return getComputedStyle(arguments[0])[arguments[1]]", element, name)
    return [float(part) for part in text.partition("(")[2].rstrip(")").split(",")]


def background(page, element):
    """The first ground below an element that is not transparent."""
    while True:
        ground = colour(page, element, "backgroundColor")
        if len(ground) == 3:
            return ground
        element = element.find_element("xpath", "..")


def contrast(one, other):
    """The ratio of the WCAG."""

    def luminance(rgb):
        parts = [c / 255 for c in rgb]
        r, g, b = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
        return 0.2126 * r + 0.7152 * g + 0.0722 * b

    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)
