"""Progress: what is told, and that it can be silent."""

from __future__ import annotations

import logging

import pytest

from launch.progress import Plain, Quiet, describe, hearing, make_progress, speed


def test_a_line_says_time_speed_and_what_is_left():
    assert (
        describe(2000, 8000, 0.025, 5.0)
        == "50.0 of 200.0 ms, 100x slower than real time, 15 s left"
    )
    assert describe(8000, 8000, 0.025, 20.0).endswith("took 20.0 s")
    assert describe(3, 8, None, 1.0) == "step 3 of 8, 2 s left"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.05, "2.0x real time"), (1.0, "10x slower than real time"), (0.0, "")],
)
def test_speed_is_against_real_time(seconds, words):
    assert speed(4000, 0.025, seconds) == words


def test_without_a_terminal_the_lines_are_plain(capsys):
    progress = make_progress(quiet=False, dt=0.1)
    assert isinstance(progress, Plain)
    with progress:
        for step in range(1001):
            progress(step, 1000)
    told = capsys.readouterr().err
    assert "100.0 of 100.0 ms" in told
    assert told.count("\n") <= 10
    assert "\x1b" not in told


def test_a_bar_where_there_is_a_terminal(monkeypatch, capsys):
    monkeypatch.setenv("FORCE_COLOR", "1")
    with make_progress(quiet=False, dt=0.1) as progress:
        progress(500, 1000)
        progress(1000, 1000)
    told = capsys.readouterr().err
    assert "100.0 of 100.0 ms" in told
    assert "100%" in told


def test_quiet_says_nothing(capsys):
    progress = make_progress(quiet=True)
    assert type(progress) is Quiet
    with progress:
        progress(1, 1)
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("terminal", [False, True])
def test_what_is_logged_is_shown(monkeypatch, capsys, terminal):
    if terminal:
        monkeypatch.setenv("FORCE_COLOR", "1")
    log = logging.getLogger("distnet")
    with hearing(make_progress(quiet=False, dt=0.1)) as progress:
        log.info("compiling %s (once; kept in %s)", "hh", "/a [bold] folder")
        progress(1000, 1000)
    log.info("too late")
    told = capsys.readouterr().err
    assert "compiling hh (once; kept in /a [bold] folder)" in told
    assert "too late" not in told
    with hearing(make_progress(quiet=True)):
        log.info("unheard")
    assert "unheard" not in capsys.readouterr().err


def test_a_cold_cache_is_told_once(run_python, tmp_path):
    code = (
        "import logging; logging.basicConfig(level=logging.INFO)\n"
        "from kernels.cpu import cache\n"
        "print(cache.load('twice', 'def twice(x):\\n    return 2 * x\\n', {}).twice(21))\n"
    )
    env = {"DISTNET_CACHE": str(tmp_path)}
    first, second = (run_python(["-c", code], env=env) for _ in range(2))
    assert first.stdout == second.stdout == "42\n"
    assert f"compiling twice (once; kept in {tmp_path})" in first.stderr
    assert second.stderr == ""
