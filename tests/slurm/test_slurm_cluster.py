"""distnet on a real SLURM: srun across hosts, generated job scripts, submitted studies."""

from __future__ import annotations

import json
import re
import sys

import pytest

from launch.cli import main
from launch.demo.circuit import build_circuit

pytestmark = [pytest.mark.slurm, pytest.mark.mpi]


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    folder = tmp_path_factory.mktemp("slurm") / "circuit"
    build_circuit(folder, seed=1, tstop=60.0)
    return folder / "simulation_config.json"


@pytest.fixture
def program(tmp_path):
    """A line of shell that puts the command `distnet` on the PATH."""
    binary = tmp_path / "bin"
    binary.mkdir()
    (binary / "distnet").write_text(f'#!/bin/sh\nexec {sys.executable} -m launch "$@"\n')
    (binary / "distnet").chmod(0o755)
    return f"export PATH={binary}:$PATH"


@pytest.fixture(scope="module")
def alone(config, run_python):
    """Spikes of the circuit on one process."""
    out = config.parent.parent / "alone"
    done = run_python(["-m", "launch", "run", config, "--out", out, "--quiet"], timeout=300)
    assert done.returncode == 0, done.output
    return (out / "spikes.h5").read_bytes()


def test_the_doctor_sees_two_hosts(cluster):
    told = cluster.distnet("doctor")
    assert "4 ranks on 2 hosts" in told
    rows = [line.split() for line in told.splitlines() if re.match(r"[0-3]  ", line)]
    assert [(row[0], row[1], row[2]) for row in rows] == [
        ("0", "n1", "0"), ("1", "n1", "1"), ("2", "n2", "0"), ("3", "n2", "1"),
    ]  # fmt: skip


def test_two_hosts_give_the_spikes_of_one_process(cluster, config, alone, tmp_path):
    cluster.distnet("run", config, "--out", tmp_path / "out", "--quiet", timeout=300)
    assert (tmp_path / "out" / "spikes.h5").read_bytes() == alone


def test_a_wrong_input_ends_the_step_with_one_sentence(cluster, tmp_path):
    command = [sys.executable, "-m", "launch", "run", str(tmp_path / "none.json"), "--out", "x"]
    done = cluster.run(["srun", "-N2", "-n4", *command], check=False)
    assert done.returncode == 1
    assert done.stderr.count("none.json: no such file") == 1


def test_a_generated_script_is_taken_and_runs(cluster, config, alone, program, tmp_path, capsys):
    out = tmp_path / "out"
    asks = ["--nodes", "2", "--tasks-per-node", "2", "--time", "5", "--out", str(out)]
    assert main(["slurm", str(config), *asks, "--queue", "low", "--setup", program]) == 0
    script = tmp_path / "job.sh"
    script.write_text(capsys.readouterr().out)
    log = tmp_path / "log"
    done = cluster.run(["sbatch", "--parsable", f"--output={log}", str(script)])
    told = cluster.wait_for_job(done.stdout.strip(), timeout=300)
    assert "JobState=COMPLETED" in told, told + log.read_text()
    assert (out / "spikes.h5").read_bytes() == alone


def test_a_pre_empted_job_goes_on_where_it_was(cluster, program, tmp_path, run_python, capsys):
    build_circuit(tmp_path / "circuit", seed=1, tstop=1500.0)
    config = tmp_path / "circuit" / "simulation_config.json"
    out, log = tmp_path / "out", tmp_path / "log"
    asks = ["--nodes", "2", "--tasks-per-node", "2", "--time", "60", "--out", str(out)]
    assert main(["slurm", str(config), *asks, "--queue", "low", "--setup", program]) == 0
    script = tmp_path / "job.sh"
    script.write_text(capsys.readouterr().out)
    job = cluster.run(["sbatch", "--parsable", f"--output={log}", str(script)]).stdout.strip()
    cluster.wait_for_text(log, " of 1500.0 ms")
    cluster.run(["srun", "-p", "high", "-N2", "-n4", "sleep", "1"], timeout=120)
    told = cluster.wait_for_job(job, timeout=400)
    assert "state saved at step" in log.read_text()
    assert "JobState=COMPLETED" in told, told + log.read_text()
    assert "Restarts=1" in told
    done = run_python(["-m", "launch", "run", config, "--out", tmp_path / "alone"], timeout=400)
    assert done.returncode == 0, done.output
    assert (out / "spikes.h5").read_bytes() == (tmp_path / "alone" / "spikes.h5").read_bytes()


def test_only_exit_code_75_requeues(cluster, tmp_path):
    from launch.slurm import Job, job_script

    # The first time the state is saved (75), the second time the run ends.
    count = tmp_path / "count"
    body = f"sh -c 'echo x >> {count}; test $(wc -l < {count}) -ge 2 || exit 75'"
    script = tmp_path / "job.sh"
    script.write_text(job_script(Job("again", body, 1, 1, "5", log=str(tmp_path / "log"))))
    done = cluster.run(["sbatch", "--parsable", str(script)])
    told = cluster.wait_for_job(done.stdout.strip(), timeout=120)
    assert "JobState=COMPLETED" in told
    assert "Restarts=1" in told
    assert count.read_text() == "x\nx\n"


def test_a_study_is_submitted_and_collected(cluster, config, program, tmp_path):
    study = ["scaling", config, "--ranks", "1,2", "--tstop", "10", "--out", tmp_path / "out"]
    launch = ["env", f"PATH={tmp_path / 'bin'}:/usr/bin:/bin", sys.executable, "-m", "launch"]
    done = cluster.run([*launch, *map(str, study), "--slurm=--time=5 --export=ALL"])
    for job in re.findall(r"Submitted batch job (\d+)", done.stdout):
        told = cluster.wait_for_job(job, timeout=300)
        assert "JobState=COMPLETED" in told, told
    cluster.run([*launch, *map(str, study), "--collect"])
    points = json.loads((tmp_path / "out" / "scaling.json").read_text())["points"]
    assert [point["ranks"] for point in points] == [1, 2]
