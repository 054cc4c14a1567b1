"""The page in a real browser: skipped where there is no Chromium or no Selenium."""

import json
import shutil
import subprocess

import pytest

from bench.presentation.claims_table import verdicts_table
from bench.presentation.report.page import render
from tests.presentation.tabulated import MINIATURE
from tests.report.report_cases import report

webdriver = pytest.importorskip("selenium.webdriver")
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
    yield driver
    driver.quit()


@pytest.fixture
def page(browser, address):
    """The page, loaded afresh at the size of a laptop."""
    size = {"width": 1200, "height": 800, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})
    browser.get(address)
    return browser


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


def test_the_gallery_shows_the_chosen_maps(page):
    def shown(tile):
        style = "return getComputedStyle(arguments[0]).backgroundImage"
        return page.execute_script(style, one(page, f"#sheet-0 .{tile}"))

    first, inputs = shown("map"), shown("input")
    assert first.startswith('url("data:image/webp')
    radio = one(page, "input[aria-label='none, seed 1']")
    page.execute_script("arguments[0].focus()", radio)
    page.switch_to.active_element.send_keys(" ")
    assert shown("map").startswith('url("data:image/webp')
    assert shown("map") != first
    assert shown("input") == inputs
    size = one(page, "#sheet-0 .map").size
    assert size["width"] > 60
    assert size["width"] == pytest.approx(size["height"], abs=1)


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
    for part in ("Title of claims", "10.5 ± 2.5", "Caption.", "python -m bench reproduce"):
        assert part in said
    assert one(page, "#sheet-0 .map").value_of_css_property("background-image") != "none"


@pytest.mark.parametrize("width", [320, 390, 768])
def test_a_narrow_page_is_not_scrolled_sideways(page, address, width):
    size = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": True}
    page.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    page.get(address)
    assert page.execute_script("return document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("width", [390, 1200])
def test_verdicts_are_in_sight(page, tmp_path, width):
    verdicts = verdicts_table(MINIATURE)
    path = tmp_path / "report.html"
    path.write_text(render(report(verdicts=(verdicts,))), encoding="utf-8")
    size = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 400}
    page.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    page.get(path.as_uri())
    cells = page.find_elements("css selector", "#table-verdicts tbody tr > :nth-child(2)")
    assert [cell.text for cell in cells] == verdicts.formatted["Verdict"].tolist()
    for cell in cells:
        assert cell.rect["x"] + cell.rect["width"] <= width


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_in_light_and_dark(page, scheme):
    media = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    page.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
    selectors = ("h1", "p.notes", "td", "figcaption", "nav a", "dt", ".name", "header p")
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
