"""`distnet scaling --dry-run` from the shell."""

from __future__ import annotations

import json


def test_a_table_and_a_picture_without_a_circuit(run_python, tmp_path):
    args = [
        "-m",
        "launch",
        "scaling",
        "--dry-run",
        "16,64",
        "--out",
        tmp_path,
        "--exchange",
        "allgather",
    ]
    done = run_python(args)
    assert done.returncode == 0, done.output
    lines = done.stdout.splitlines()
    assert lines[0].startswith("spikes travel by allgather; medians of 9 ranks")
    for head in (1, 5):  # what ranks need; messages by each transport
        assert [line.split()[0] for line in lines[head : head + 3]] == ["ranks", "16", "64"]
    points = json.loads((tmp_path / "dry.json").read_text())
    assert [point["n_ranks"] for point in points] == 9 * [16] + 9 * [64]
    assert {point["transport"] for point in points} == {"allgather"}
    assert (tmp_path / "dry.png").stat().st_size > 1000


def test_a_run_needs_a_circuit(run_python, tmp_path):
    done = run_python(["-m", "launch", "scaling", "--ranks", "1,2", "--out", tmp_path])
    assert done.returncode == 1
    assert "CONFIG is needed" in done.stderr
