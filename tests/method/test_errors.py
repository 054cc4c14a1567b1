import pickle

from destseg.errors import InputError, input_faults


def test_a_name_breaks_no_line_and_commands_no_terminal():
    error = InputError("a\nb\x1b[31m.png: no such file; check the path.")
    assert str(error) == r"a\nb\x1b[31m.png: no such file; check the path."


def test_each_fault_has_a_line_also_in_another_process():
    error = pickle.loads(pickle.dumps(input_faults("a\rb", ["c\nd: bad", "e: bad"])))
    assert str(error).splitlines() == [
        r"a\rb: 2 faults found; mend the files listed here and start again:",
        r"  - c\nd: bad",
        "  - e: bad",
    ]
