"""The command line: usage, exit codes, one sentence for what is wrong."""

from __future__ import annotations

import pytest

from launch.cli import BACKENDS, COMMANDS, main


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_every_command_has_help(command, capsys):
    with pytest.raises(SystemExit) as ended:
        main([command, "--help"] if command else ["--help"])
    assert ended.value.code == 0
    assert "usage: distnet" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "COMMAND"),
        (["fly"], "invalid choice: 'fly'"),
        (["run", "a.json"], "--out"),
        (["run", "a.json", "--out", "o", "--backend", "abacus"], "invalid choice: 'abacus'"),
        (["run", "a.json", "--out", "o", "--dt", "-1"], "'-1' is not a number above 0"),
        (["run", "a.json", "--out", "o", "--dt", "nan"], "'nan' is not a number above 0"),
        (["run", "a.json", "--out", "o", "--tstop", "soon"], "'soon' is not a number above 0"),
        (["run", "a.json", "--out", "o", "--seed", "1.5"], "'1.5' is not a whole number"),
        (["run", "a.json", "--out", "o", "--dry"], "unrecognized arguments: --dry"),
        (["demo", "--ranks", "0"], "'0' is not a whole number above 0"),
    ],
)
def test_wrong_usage_is_exit_code_2(arguments, words, capsys):
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert words in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["run", "{tmp}/none.json", "--out", "{tmp}/o"], "none.json: no such file"),
        (["run", "{tmp}", "--out", "{tmp}/o"], "is a folder"),
        (["plot", "{tmp}/none"], "none: no such folder"),
        (["plot", "{tmp}"], "holds no spikes and no report"),
        (["info", "{tmp}/none.json"], "none.json: no such file"),
    ],
)
def test_wrong_input_is_exit_code_1_and_one_sentence(arguments, words, tmp_path, capsys):
    assert main([text.format(tmp=tmp_path) for text in arguments]) == 1
    told = capsys.readouterr().err.strip().splitlines()
    assert len(told) == 1
    assert told[0].startswith("distnet: ")
    assert words in told[0]
    assert not list(tmp_path.iterdir())


@pytest.mark.mpi
def test_wrong_usage_is_told_by_one_rank(mpirun):
    done = mpirun(3, ["-m", "launch", "run"])
    assert done.returncode == 2
    assert done.stderr.count("error:") == 1


@pytest.mark.mpi
def test_wrong_input_is_told_by_one_rank(mpirun, tmp_path):
    done = mpirun(3, ["-m", "launch", "run", tmp_path / "none.json", "--out", tmp_path / "out"])
    assert done.returncode == 1
    assert done.told == [f"distnet: {tmp_path / 'none.json'}: no such file"]
    assert not list(tmp_path.iterdir())


def test_every_backend_of_the_engines_can_be_chosen():
    kernels = pytest.importorskip("kernels")
    assert {"auto", *kernels.BACKENDS} <= set(BACKENDS)
