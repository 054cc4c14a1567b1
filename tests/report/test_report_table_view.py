import pytest

from bench.presentation.report.table_view import common_notes, sort_value, view_table
from tests.report.report_cases import table


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("83.1 ± 0.4", 83.1),
        ("83.1 ± 0.4 (2 of 3 seeds)", 83.1),
        ("+1.20", 1.2),
        ("−1.20", -1.2),
        ("-1.20", -1.2),
        ("[−0.55, +1.80]", -0.55),
        ("9/15", 9),
        ("✓", 1),
        ("", None),
        ("—", None),
        ("den+ed", None),
    ],
)
def test_a_cell_is_sorted_by_the_number_it_begins_with(text, value):
    assert sort_value(text) == value


def test_a_view_has_the_texts_of_the_table():
    view = view_table(table(), known=("Shared.",))
    assert view.title == "Title of ablation"
    assert view.notes == ("Own.",)
    assert view.columns == (("Variant", "l"), ("seg", "c"), ("IAP", "r"))
    shown = [[text for text, _ in row] for row in view.rows]
    assert shown == table().formatted.to_numpy().tolist()
    assert [row[2][1] for row in view.rows] == [9.5, None, 10.5, -3.0]


def test_notes_of_all_tables_are_said_once():
    assert common_notes([table(), table("main", ("Other.", "Shared."))]) == ("Shared.",)
    assert common_notes([table()]) == ("Shared.", "Own.")
    assert common_notes([]) == ()
