"""The CUDA text under ThreadSanitizer and AddressSanitizer: clean, and planted faults are found."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).with_name("sanitized_run.py")
TREES = ("plain", "condensed", "tiles")
LIBRARIES = {"thread": "libtsan.so", "address": "libasan.so"}

#: A barrier of the text and what stands before it.
RACES = {
    "towards the root": "first = last;\n        ",
    "away from the root": "--level) {\n        ",
}
#: Barriers of tiles, each with what stands around it.
TILE_BARRIERS = (
    "copy_indices(p, cell);\n    __syncthreads();",
    "cell.n - 1);\n                    }\n                }\n                __syncthreads();",
    "cell.n);\n                    __syncthreads();",
    "            }\n            __syncthreads();\n        }\n    }\n}",
)


@pytest.fixture
def sanitized(cxx, repo):
    """`sanitized(sanitizer, trees, before, after)` runs the script; skips without its library."""

    def run(sanitizer: str, *change: str) -> subprocess.CompletedProcess[str]:
        name = LIBRARIES[sanitizer]
        asked = subprocess.run(
            [cxx, f"-print-file-name={name}"], capture_output=True, text=True, check=True
        )
        library = asked.stdout.strip()
        if not os.path.isabs(library):
            pytest.skip(f"{cxx} has no {name}")
        environment = {
            **os.environ,
            "LD_PRELOAD": library,
            "PYTHONPATH": str(repo),
            "TSAN_OPTIONS": "exitcode=66",
            "ASAN_OPTIONS": "detect_leaks=0:exitcode=66",
        }
        done = subprocess.run(
            [sys.executable, str(SCRIPT), sanitizer, *change],
            capture_output=True,
            text=True,
            timeout=300,
            env=environment,
            check=False,
        )
        if "unexpected memory mapping" in done.stderr:
            pytest.skip("ThreadSanitizer cannot map its memory here")
        return done

    return run


@pytest.mark.parametrize("trees", TREES)
@pytest.mark.parametrize("sanitizer", LIBRARIES)
def test_the_text_is_clean(sanitized, sanitizer, trees):
    done = sanitized(sanitizer, trees)
    assert "Sanitizer" not in done.stderr, done.stderr
    assert (done.returncode, done.stdout.split()) == (0, ["finished"]), done.stderr


@pytest.mark.parametrize("trees", TREES[:2])
@pytest.mark.parametrize("way", RACES)
def test_a_dropped_barrier_is_a_race(sanitized, way, trees):
    done = sanitized("thread", trees, f"{RACES[way]}sync_tree();", RACES[way])
    assert done.returncode == 66
    assert "data race" in done.stderr
    assert "solve_cable" in done.stderr


@pytest.mark.parametrize("before", TILE_BARRIERS)
def test_a_dropped_barrier_of_tiles_is_a_race(sanitized, before):
    after = before.replace("__syncthreads();", "")
    done = sanitized("thread", "tiles", before, after)
    assert done.returncode == 66
    assert "data race" in done.stderr


def test_an_index_beyond_shared_memory_is_found(sanitized):
    done = sanitized(
        "address", "plain", "cell.voltage[i] = p->", "cell.voltage[i + 4 * n + 64] = p->"
    )
    assert done.returncode == 66
    assert "use-after-poison" in done.stderr
