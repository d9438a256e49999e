"""Scaling studies: runs, what is computed from their times, what is left behind."""

from __future__ import annotations

import csv
import json

import pytest

from launch import scaling
from launch.cli import main
from launch.scaling import analyse
from launch.timing import Stopwatch, Timing, read_timing, write_timing


def timing(ranks, seconds):
    return Timing(ranks, 100, 2.0, seconds)


def test_strong_scaling_is_against_the_fewest_ranks():
    times = {2: [timing(2, 8.0)], 4: [timing(4, 4.0)], 8: [timing(8, 4.0)]}
    points = analyse(times, weak=False)
    assert [p.efficiency for p in points] == [1.0, 1.0, 0.5]
    assert [p.speed_up for p in points] == [2.0, 4.0, 4.0]


def test_weak_scaling_keeps_the_time():
    points = analyse({1: [timing(1, 4.0)], 4: [timing(4, 5.0)]}, weak=True)
    assert [p.efficiency for p in points] == pytest.approx([1.0, 0.8])
    assert [p.speed_up for p in points] == pytest.approx([1.0, 3.2])


def test_repeated_runs_count_by_their_median():
    times = {1: [timing(1, s) for s in (4.0, 9.0, 3.0)], 2: [timing(2, 2.0)]}
    assert [p.seconds for p in analyse(times, weak=False)] == [4.0, 2.0]


def test_a_timing_comes_back(tmp_path):
    watch = Stopwatch()
    for step in (10, 20, 30):
        watch(step, 30)
    found = watch.timing(3)
    assert (found.ranks, found.steps) == (3, 20)
    assert 0 <= found.loop_seconds < 1
    write_timing(tmp_path, found)
    assert read_timing(tmp_path / "timing.json") == found


@pytest.mark.mpi
def test_a_study_runs_and_is_drawn(circuit, tmp_path, capfd):
    config = circuit / "simulation_config.json"
    arguments = ["--ranks", "1,2", "--tstop", "20", "--out", str(tmp_path)]
    assert main(["scaling", str(config), *arguments]) == 0
    assert "efficiency" in capfd.readouterr().out
    with (tmp_path / "scaling.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["ranks"] for row in rows] == ["1", "2"]
    assert all(float(row["seconds"]) > 0 for row in rows)
    content = json.loads((tmp_path / "scaling.json").read_text())
    assert content["scaling"] == "strong"
    assert content["points"][0]["efficiency"] == 1.0
    assert (tmp_path / "scaling.png").read_bytes()[:4] == b"\x89PNG"
    assert main(["scaling", str(config), *arguments, "--collect"]) == 0
    again = json.loads((tmp_path / "scaling.json").read_text())
    assert again == content


def test_points_are_submitted_and_collected(tmp_path, monkeypatch, capsys):
    batch = tmp_path / "bin" / "sbatch"
    batch.parent.mkdir()
    batch.write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/submitted\n')
    batch.chmod(0o755)
    monkeypatch.setenv("PATH", f"{batch.parent}:/usr/bin:/bin")
    for n in (1, 4):
        (tmp_path / f"net_{n}.json").write_text("{}")
    out = tmp_path / "out"
    study = ["scaling", str(tmp_path / "net_{ranks}.json"), "--ranks", "1,4", "--out", str(out)]
    assert main([*study, "--slurm=--partition=long --time=60"]) == 0
    told = (tmp_path / "submitted").read_text().splitlines()
    assert [line.split()[0] for line in told] == ["--ntasks=1", "--ntasks=4"]
    assert all("--partition=long --time=60" in line for line in told)
    script = (out / "ranks_4" / "job.sh").read_text()
    assert "net_4.json" in script
    assert "--nodes" not in script
    for n, seconds in ((1, 4.0), (4, 5.0)):
        folder = out / f"ranks_{n}" / "0"
        folder.mkdir(parents=True)
        write_timing(folder, timing(n, seconds))
    capsys.readouterr()
    assert main([*study, "--collect"]) == 0
    assert "80.0%" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["none.json", "--ranks", "1"], "none.json: no such file"),
        (["{here}", "--ranks", "2", "--collect"], "the run has not ended"),
        (["{here}", "--ranks", "2", "--slurm="], "sbatch did not take"),
    ],
)
def test_what_cannot_be_done_is_told(arguments, words, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("PATH", str(tmp_path))
    here = tmp_path / "net.json"
    here.write_text("{}")
    given = [text.format(here=here) for text in arguments]
    assert main(["scaling", *given, "--out", str(tmp_path / "out")]) == 1
    assert words in capsys.readouterr().err


def test_a_run_that_fails_ends_the_study(tmp_path, monkeypatch, capfd):
    monkeypatch.setattr(scaling, "find_mpiexec", lambda: None)
    here = tmp_path / "net.json"
    here.write_text("{}")
    assert main(["scaling", str(here), "--ranks", "1", "--out", str(tmp_path / "out")]) == 1
    assert "the run on 1 ranks ended with exit code 1" in capfd.readouterr().err
