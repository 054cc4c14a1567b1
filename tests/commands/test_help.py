import pytest

from bench.cli import COMMANDS, main
from bench.presentation.tables import tables

OPTIONS = (
    "EXPERIMENT --results --jobs --category --method --variant --seed --dataset --data "
    "--textures --teacher --device --per-gpu --timeout --shard --in-process"
)
HELP = {
    "reproduce": (
        *("examples:", "python -m bench reproduce --dataset mvtec --data"),
        "exit codes: 0 complete, 2 bad input or usage, 3 some cells failed",
        *("Ctrl-C lets the running stages finish", *OPTIONS.split()),
    ),
    **{
        name: (f"examples:\n  python -m bench {name}", "--data DIR")
        for name in ("plan", "status", "explain", "accept", "clean")
    },
    "table": ("python -m bench table claims loss", *tables()),
    **dict.fromkeys(("report", "figure"), ("exit codes: 0 done, 2 bad input",)),
    "data verify": ("exit codes: 0 all is right, 2 faults", "data verify data/mvtec_ad"),
    "data fetch": ("DIR/mvtec_ad or", "--keep-archive", "--url", "exit codes: 0 all is right"),
}


@pytest.mark.parametrize(("command", "said"), HELP.items(), ids=HELP)
def test_help_tells_options_examples_and_exit_codes(command, said, capsys):
    with pytest.raises(SystemExit) as caught:
        main([*command.split(), "--help"])
    assert caught.value.code == 0
    out = capsys.readouterr().out
    for part in (f"python -m bench {command}", "exit codes: 0 ", *said):
        assert part in out


@pytest.mark.parametrize("arguments", [["--help"], ["no-such-command"], []])
def test_all_commands_are_listed_where_none_is_asked_for(capsys, arguments):
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == (0 if arguments == ["--help"] else 2)
    said = "".join(capsys.readouterr())
    for name in COMMANDS if arguments else ["COMMAND"]:
        assert name in said
