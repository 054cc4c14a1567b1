from benchmarks.store import main


def test_it_reads_as_many_records_as_were_written(capsys):
    assert main(["--records", "30"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("30 records")
    assert [line.split(" | ")[0] for line in out.splitlines()[4:]] == [
        "| plain JSON",
        "| RunStore.records",
    ]
