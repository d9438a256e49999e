"""The job script: what it asks for, and what it does with each end of the run."""

from __future__ import annotations

import re
import subprocess

import pytest

from launch.cli import main
from launch.slurm import Job, job_script


def script(capsys, *arguments):
    assert main(["slurm", "c/net.json", *arguments]) == 0
    text = capsys.readouterr().out
    subprocess.run(["bash", "-n"], input=text, text=True, check=True)
    return text, dict(re.findall(r"^#SBATCH --([\w-]+)=(.*)$", text, flags=re.MULTILINE))


def test_a_task_for_each_gpu(capsys):
    text, asked = script(capsys, "--nodes", "16", "--gpus-per-node", "4", "--time", "12:00:00")
    assert asked["nodes"] == "16"
    assert asked["ntasks-per-node"] == asked["gpus-per-node"] == "4"
    assert asked["time"] == "12:00:00"
    assert asked["signal"] == "USR1@300"
    assert "#SBATCH --requeue" in text
    assert "srun --kill-on-bad-exit=1 distnet run c/net.json --out out/net" in text
    assert "partition" not in asked


def test_cores_without_gpus(capsys):
    asks = "--nodes 2 --tasks-per-node 32 --cpus-per-task 2 --time 1-12 --queue long --account me"
    rest = ["--setup", "module load x", "--out", "my out", "--run-options=--tstop 100"]
    text, asked = script(capsys, *asks.split(), *rest)
    assert "gpus-per-node" not in asked
    assert (asked["ntasks-per-node"], asked["cpus-per-task"]) == ("32", "2")
    assert (asked["partition"], asked["account"]) == ("long", "me")
    assert "\nmodule load x\n" in text
    assert "--cpu-bind=cores" in text
    assert "--out 'my out' --overwrite --resume --tstop 100" in text


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--nodes", "1", "--time", "10"], "neither --gpus-per-node nor --tasks-per-node"),
        (["--nodes", "1", "--tasks-per-node", "1", "--time", "soon"], "is not a limit"),
    ],
)
def test_what_cannot_be_asked_is_refused(arguments, words, capsys):
    assert main(["slurm", "net.json", *arguments]) == 1
    assert words in capsys.readouterr().err


def test_a_short_job_is_not_stopped_at_its_start(capsys):
    _, asked = script(capsys, "--nodes", "1", "--tasks-per-node", "1", "--time", "4:00")
    assert asked["signal"] == "USR1@60"


@pytest.mark.parametrize(("code", "queued"), [(0, False), (75, True), (1, False), (137, False)])
def test_only_a_saved_run_goes_back_into_the_queue(code, queued, tmp_path):
    for name, body in (("srun", f"exit {code}"), ("scontrol", 'echo "scontrol $@"')):
        (tmp_path / name).write_text(f"#!/bin/sh\n{body}\n")
        (tmp_path / name).chmod(0o755)
    text = job_script(Job("job", "distnet run x --out y", 1, 1, "10"))
    env = {"PATH": f"{tmp_path}:/usr/bin:/bin", "SLURM_JOB_ID": "42"}
    done = subprocess.run(["bash", "-c", text], env=env, capture_output=True, text=True)
    assert done.returncode == code
    assert ("scontrol requeue 42" in done.stdout) == queued


def test_a_pre_empted_script_waits_for_its_ranks(tmp_path):
    # The batch shell gets SIGTERM first; the ranks need a moment to save.
    (tmp_path / "srun").write_text("#!/bin/sh\nkill -TERM $PPID; sleep 0.3; exit 75\n")
    (tmp_path / "scontrol").write_text('#!/bin/sh\necho "scontrol $@"\n')
    for name in ("srun", "scontrol"):
        (tmp_path / name).chmod(0o755)
    text = job_script(Job("job", "distnet run x --out y", 1, 1, "10"))
    env = {"PATH": f"{tmp_path}:/usr/bin:/bin", "SLURM_JOB_ID": "7"}
    done = subprocess.run(["bash", "-c", text], env=env, capture_output=True, text=True)
    assert done.returncode == 75
    assert "scontrol requeue 7" in done.stdout
