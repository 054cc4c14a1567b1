import contextlib
import io
import subprocess
import sys
from importlib import import_module

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
    "data verify": ("2 bad input or a failed download, 3 faults", "data verify data/mvtec_ad"),
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


ALL = (*HELP, "score", "model evaluate", "model export", "regress", "baseline")
SLOW = ("torch", "torchvision", "matplotlib")
SLOWER_THAN_A_LIST = ("numpy", "pandas", "scipy", "PIL", "tabulate")


def loaded(*commands):
    """The modules that a new process has imported when it has answered all of these."""
    code = (
        "import sys\n"
        "from bench.cli import main\n"
        "for command in sys.argv[1:]:\n"
        "    try:\n"
        "        main(command.split())\n"
        "    except SystemExit:\n"
        "        pass\n"
        "print(*sys.modules, file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code, *commands], capture_output=True, text=True)
    assert done.returncode == 0
    return done.stdout, {*done.stderr.splitlines()[-1].split()}


def test_help_does_not_wait_for_torch():
    said, modules = loaded(*(f"{command} --help" for command in ALL))
    assert said.count("usage: python -m bench") == len(ALL)
    assert not modules & {*SLOW}
    assert "numpy" in modules, "names are whole"


@pytest.mark.parametrize("word", ["--help", "-h", "no-such-command"])
def test_the_list_of_commands_waits_for_nothing(word):
    _, modules = loaded(word)
    assert not modules & {*SLOW, *SLOWER_THAN_A_LIST}


@pytest.mark.parametrize("arguments", [["--help"], ["no-such-command"], []])
def test_all_commands_are_listed_where_none_is_asked_for(capsys, arguments):
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == (0 if arguments == ["--help"] else 2)
    said = "".join(capsys.readouterr())
    for name in COMMANDS if arguments else ["COMMAND"]:
        assert name in said
    if arguments == ["--help"]:
        for name in COMMANDS:
            line = import_module(f"bench.commands.{name}").HELP.partition("\n")[0]
            assert line in " ".join(said.split())


@pytest.mark.parametrize(
    ("arguments", "program", "said"),
    [
        (["status", "--categories", "tile"], "status", "--categories; did you mean --category?"),
        (["data", "fetch", "mvtec", "--too", "x"], "data fetch", "--to"),
        (
            ["plan", "--workers", "3"],
            "plan",
            "unrecognized arguments: --workers; did you mean --jobs?",
        ),
        (["table", "claims", "--format", "latx"], "table", "did you mean latex?"),
    ],
)
def test_a_mistake_is_answered_with_its_own_commands_usage(arguments, program, said, capsys):
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    err = capsys.readouterr().err
    assert err.startswith(f"usage: python -m bench {program} [-h]")
    assert said in err.splitlines()[-1]


def test_a_mistyped_command_is_suggested(capsys):
    with pytest.raises(SystemExit):
        main(["reproduces"])
    assert capsys.readouterr().err.endswith("; did you mean reproduce?\n")


def test_the_version_is_told(capsys):
    with pytest.raises(SystemExit) as caught:
        main(["--version"])
    assert caught.value.code == 0
    assert capsys.readouterr().out.startswith("destseg-bench ")


@pytest.fixture(scope="module")
def completion():
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), pytest.raises(SystemExit):
        main(["--print-completion", "bash"])
    return printed.getvalue()


@pytest.mark.parametrize("shell", ["bash", "zsh", "tcsh"])
def test_shells_complete_commands_options_and_files(shell, capsys):
    with pytest.raises(SystemExit) as caught:
        main(["--print-completion", shell])
    assert caught.value.code == 0
    script = capsys.readouterr().out
    assert "destseg-bench" in script
    assert "reproduce" in script
    assert "per-gpu" in script


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("reproduce mvt", ["mvtec", "mvtec-cpu"]),
        ("regress --experiment smo", ["smoke"]),
        ("clean ablation lo", ["loss"]),
        ("table cla", ["claims"]),
        ("table claims riv", ["rivals", "rivals-cpu"]),
    ],
)
def test_bash_completes_names(line, offered, completion):
    ask = f"""
eval "$(cat)"
COMP_WORDS=(destseg-bench {line})
COMP_CWORD={len(line.split())}
_shtab_destseg_bench
echo "${{COMPREPLY[@]}}"
"""
    done = subprocess.run(["bash", "-c", ask], input=completion, capture_output=True, text=True)
    assert sorted(done.stdout.split()) == offered
