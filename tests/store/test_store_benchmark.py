from benchmarks.figures import Setting
from benchmarks.store import measure


def test_it_reads_as_many_records_as_were_written():
    found = {figure.name: figure.value for figure in measure(Setting(rounds=2, smoke=True))}
    assert list(found) == [
        "30 records, plain JSON",
        "30 records, RunStore.records",
        "RunStore.records ÷ plain JSON",
    ]
    assert min(found.values()) > 0
