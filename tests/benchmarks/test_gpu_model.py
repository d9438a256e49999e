"""The model of the GPU kernels: rows for every card, ours and the published solver."""

from __future__ import annotations

import json

import pytest

from kernels import KernelsError


@pytest.mark.slow
def test_rows_of_a_small_cell(run_python):
    from kernels.cuda.nvrtc import toolchain

    try:
        toolchain()
    except KernelsError as problem:
        pytest.skip(str(problem))
    done = run_python(["benchmarks/gpu_model.py", "--json", "--sizes", 190, "--gpu", "h100"], 300)
    assert done.returncode == 0, done.stderr
    model, single, passive, ours, published = map(json.loads, done.stdout.splitlines())
    assert [r["model"] for r in (model, single, passive)] == ["HH", "HH f32", "passive"]
    for row in (model, single, passive):
        assert row["streaming_ps"] > row["interval_ps"] > 0
        assert row["streaming_bytes"] > row["global_bytes"]
    assert (ours["solver"], published["solver"]) == ("ours", "published")
    assert ours["global_bytes"] == 0 < published["global_bytes"]
    assert published["divisions"] == pytest.approx(2.0, rel=0.01)
    assert published["chain_cycles"] > 2 * ours["chain_cycles"]
