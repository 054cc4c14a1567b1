import pytest

from bench.common.columns import fitted

HEADERS = ["Claim", "Deciding interval", "Level"]
ROWS = [
    ["seg helps at every setting", "[+0.08, +2.33]", "95 %"],
    ["no", "", "99.2 %"],
]
LOOK = {"colalign": ["left", "right", "right"], "disable_numparse": True}


@pytest.mark.parametrize("width", [None, 200, 56])
def test_what_fits_stays_on_its_lines(width):
    text = fitted(ROWS, HEADERS, width, **LOOK)
    assert len(text.splitlines()) == 4


@pytest.mark.parametrize(("width", "lines"), [(45, 6), (36, 7)])
def test_words_go_into_lines_before_columns_go(width, lines):
    text = fitted(ROWS, HEADERS, width, **LOOK)
    assert "left out" not in text
    assert "[+0.08, +2.33]" in text, "numbers stay whole"
    assert "95 %" in text
    assert len(text.splitlines()) == lines
    assert max(map(len, text.splitlines())) <= width


def test_columns_go_where_lines_are_not_enough():
    text = fitted(ROWS, HEADERS, 33, **LOOK)
    assert text.endswith("left out, since the terminal is 33 wide: Level; --wide shows all.")
    assert max(map(len, text.splitlines()[:-1])) <= 33


def test_the_first_column_stays():
    text = fitted(ROWS, HEADERS, 5, **LOOK)
    assert text.endswith("5 wide: Deciding interval, Level; --wide shows all.")
    assert "seg" in text


def test_what_has_colours_is_not_broken():
    red = "\x1b[31mtwo words\x1b[0m"
    text = fitted([[red, "more words than fit"]], ["a", "b"], 22)
    assert red in text
