"""Mechanisms for CoreNEURON: its compiler wants an hh without TABLE to use vectors."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

#: What makes gcc use its 8-wide exp; CoreNEURON as it comes is half as fast.
FLAGS = "-O3 -march=native -ffast-math"
HH = Path(__file__).resolve().parent.parent / "kernels" / "mechanisms" / "hh.mod"


def build(folder: Path) -> Path | str:
    """Compile into a folder; return where the libraries are, or why there are none."""
    script = Path(sys.executable).parent / "nrnivmodl"
    if not script.exists():
        return "nrnivmodl is not beside this Python"
    if shutil.which("g++") is None or shutil.which("make") is None:
        return "no C++ compiler: g++ and make are needed"
    (folder / "mod").mkdir()
    (folder / "mod" / "hhexact.mod").write_text(exact_hh())
    done = subprocess.run(
        [sys.executable, script, "-coreneuron", "-incflags", FLAGS, "mod"],
        cwd=folder,
        env={**os.environ, "PATH": f"{script.parent}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
    )
    found = list(folder.glob("*/libcorenrnmech.so"))
    if done.returncode or not found:
        return f"nrnivmodl failed: {(done.stderr or done.stdout).strip()[-300:]}"
    return found[0].parent


def exact_hh() -> str:
    """Our hh without its TABLE, under a name that the wheel's own does not have."""
    text = HH.read_text().replace("SUFFIX hh", "SUFFIX hhexact")
    lines = text.splitlines(keepends=True)
    return "".join(line for line in lines if not line.strip().startswith("TABLE"))
