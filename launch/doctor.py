"""`distnet doctor`: one screen of what a job has, rank by rank, and what to do about the rest."""

from __future__ import annotations

import argparse
import ctypes
import functools
import importlib
import os
import re
import shutil
import socket
import sys
from collections.abc import Sequence
from ctypes.util import find_library
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from launch.devices import advice, choose, devices_of
from launch.mpiexec import find_mpiexec
from launch.nvidia import find_devices
from launch.ranks import Ranks, run_on_ranks
from launch.threads import ONE_THREAD, limit_threads

if TYPE_CHECKING:
    from distnet.gpu_check import Comparison

#: Packages that every job needs, and those that some do, with what for.
NEEDED = ("numpy", "numba", "h5py", "mpi4py", "morphio", "libsonata")
OPTIONAL = {"pymetis": "the partition method metis", "cupy": "the backend cuda"}

#: Distributions that hold a package under another name.
WHEELS = {"cupy": ("cupy", "cupy-cuda12x", "cupy-cuda13x", "cupy-cuda11x")}

#: Distributions with CUDA's compiler library.
NVRTC_WHEELS = ("nvidia-cuda-nvrtc-cu12", "nvidia-cuda-nvrtc", "nvidia-cuda-nvrtc-cu11")

INSTALL = "pip install cupy-cuda12x nvidia-cuda-nvrtc-cu12"

#: The oldest driver for Linux that runs programs of a CUDA line.
DRIVERS = {11: "450.80.02", 12: "525.60.13", 13: "580.65.06"}

SMALLEST_SHM = 64 << 20  # bytes of /dev/shm that MPICH and Intel MPI want for some ranks


@dataclass(frozen=True)
class Rank:
    """What one rank has."""

    rank: int
    host: str
    local: int
    n_local: int
    cores: int  # that it may use
    n_cores_shared: int  # cores that the ranks of this node may use together
    threads: int  # that a library starts in it
    mpi: str
    driver: str
    cuda: tuple[int, int]  # the newest that the driver runs
    device: str  # UUID; empty without one
    device_name: str
    slow: bool  # a device whose float64 is slow
    trouble: str  # why the device cannot be used
    blind: bool  # CUDA is there, the library that lists devices is not
    sharing: str  # advice where ranks share a device
    versions: tuple[tuple[str, str], ...]  # package -> version, empty where missing
    wheels: tuple[str, ...]  # distributions of CuPy
    nvrtc: str  # version; empty where it is missing
    hdf5: str
    shm: int  # bytes free; -1 where there is none
    cache: str  # folder of compiled functions; empty where it cannot be written
    checks: tuple[Comparison, ...] = ()  # what the GPU computed, where that was asked for
    failed: str = ""  # why it did not


def run(args: argparse.Namespace) -> int:
    """Carry out the command; returns the exit code."""
    limit_threads()
    wrong: list[str] = []

    def body(ranks: Ranks) -> None:
        found = ranks.gather(examine(ranks, args.gpu))
        if ranks.rank == 0:
            wrong.extend(problems(found))
            print("\n".join(screen(found, wrong, hints(found))))

    return run_on_ranks(body, lambda: None) or int(bool(wrong))


def examine(ranks: Ranks, gpu: bool = False) -> Rank:
    """Look at this rank; allocates nothing on a device but where its GPU is to compute."""
    node = find_devices()
    cores = sorted(os.sched_getaffinity(0))
    seen = devices_of(node, os.environ)
    local, every = ranks.on_node((seen, tuple(cores)))
    choices = [choose(r, [one[0] for one in every]) for r in range(len(every))]
    mine = choices[local]
    named = {uuid: one for one in node.devices for uuid in (one.uuid, *one.instances)}
    device = named.get(mine.uuid) if mine else None
    wheels = installed(WHEELS["cupy"])
    trouble = trouble_with(mine.uuid) if mine and wheels else ""
    checks, failed = compute(trouble if mine else "there is no GPU") if gpu else ((), "")
    return Rank(
        rank=ranks.rank,
        host=socket.gethostname(),
        local=local,
        n_local=len(every),
        cores=len(cores),
        n_cores_shared=len({core for one in every for core in one[1]}),
        threads=max(int(os.environ.get(name) or 1) for name in ONE_THREAD),
        mpi=ranks.library(),
        driver=node.driver,
        cuda=node.cuda,
        device=mine.uuid if mine else "",
        device_name=device.name if device else "",
        slow=device is not None and not device.has_fast_float64,
        trouble="" if failed else trouble,
        blind=not node.driver and has_cuda(),
        sharing=advice(choices, os.environ),
        versions=tuple((name, version_of(name)) for name in (*NEEDED, *OPTIONAL)),
        wheels=wheels,
        nvrtc=nvrtc_version(),
        hdf5=hdf5_version(),
        shm=free_shm(),
        cache=writable_cache(),
        checks=checks,
        failed=failed,
    )


def installed(names: Sequence[str]) -> tuple[str, ...]:
    """Those of some distributions that are installed."""
    return tuple(name for name in names if name in distributions())


@functools.cache
def distributions() -> frozenset[str]:
    """The names of all that is installed."""
    return frozenset(found.metadata["Name"] for found in metadata.distributions())


def version_of(package: str) -> str:
    """The installed version of a package; empty where it is missing."""
    found = installed(WHEELS.get(package, (package,)))
    return metadata.version(found[0]) if found else ""


def nvrtc_version() -> str:
    """The version of the CUDA compiler library, a wheel's or the system's; empty without one."""
    found = installed(NVRTC_WHEELS)
    if found:
        return metadata.version(found[0])
    return "of the system" if find_library("nvrtc") is not None else ""


def has_cuda() -> bool:
    """Whether the driver's own library is there."""
    try:
        ctypes.CDLL("libcuda.so.1")
    except OSError:
        return False
    return True


def trouble_with(uuid: str) -> str:
    """Why this process cannot use a device; empty where it can."""
    from distnet.gpu import gpu_trouble

    os.environ["CUDA_VISIBLE_DEVICES"] = uuid
    return gpu_trouble()


def compute(trouble: str) -> tuple[tuple[Comparison, ...], str]:
    """Let the GPU compute, unless there is trouble with it."""
    from distnet.gpu import check_gpu

    return ((), trouble) if trouble else check_gpu()


def hdf5_version() -> str:
    """HDF5 and whether it knows MPI (it need not); empty without h5py."""
    try:
        h5py = importlib.import_module("h5py")
    except ImportError:
        return ""
    return f"{h5py.version.hdf5_version}{' with MPI' if h5py.get_config().mpi else ''}"


def free_shm() -> int:
    """Bytes free in /dev/shm; -1 where there is none."""
    try:
        return shutil.disk_usage("/dev/shm").free
    except OSError:
        return -1


def writable_cache() -> str:
    """The folder of compiled functions; empty where it cannot be written."""
    from distnet.costs import table_file

    folder = table_file().parent
    place = folder
    while not place.exists():
        place = place.parent
    return str(folder) if os.access(place, os.W_OK | os.X_OK) else ""


def problems(found: Sequence[Rank]) -> list[str]:
    """What keeps a job from running as it stands, with what to do."""
    told = []
    for one in found:
        missing = [name for name, version in one.versions if name in NEEDED and not version]
        told += [f"{one.host}: {name} is missing: pip install {name}" for name in missing]
    if len({one.mpi for one in found}) > 1:
        kinds = ", ".join(sorted({one.mpi or "none" for one in found}))
        told.append(f"ranks use different MPI libraries ({kinds}): load one for all nodes")
    for name in NEEDED:
        versions = {dict(one.versions)[name] for one in found} - {""}
        if len(versions) > 1:
            told.append(f"ranks have different versions of {name} ({', '.join(sorted(versions))})")
    for one in found:
        if one.failed:
            told.append(f"{one.host}: {one.failed}")
        told += [
            f"{one.host}: in {check.precision} precision the GPU does not compute what the CPU "
            "does: do not use it, and please report this screen"
            for check in one.checks
            if not check.same
        ]
    return list(dict.fromkeys(told))


def hints(found: Sequence[Rank]) -> list[str]:
    """What could be better, with what to do."""
    told = []
    first = found[0]
    if not first.mpi and find_mpiexec() is None:
        told.append("no mpiexec: pip install mpich, or load the cluster's MPI")
    for one in found:
        if one.n_local * one.threads > one.n_cores_shared:
            told.append(
                f"{one.host}: {one.n_local} ranks of {one.threads} threads share "
                f"{one.n_cores_shared} cores: start fewer, or give each its own (--cpus-per-task)"
            )
        if one.sharing:
            told.append(f"{one.host}: {one.sharing}")
        told += gpu_hints(one)
        if 0 <= one.shm < SMALLEST_SHM and one.mpi:
            told.append(f"{one.host}: /dev/shm has {one.shm >> 20} MB: mount it larger (64 MB)")
        if not one.cache:
            told.append(
                f"{one.host}: the cache cannot be written, so each run compiles anew: "
                "set DISTNET_CACHE to a folder"
            )
    return list(dict.fromkeys(told))


def computed(one: Rank) -> list[str]:
    """What the GPU of a rank made of the network, a line for each precision."""
    return [
        f"{one.rank:<5} {check.precision} precision, {check.n_compartment:,} compartments, "
        f"{check.n_spike} spikes: {'the bits of the CPU' if check.same else 'OTHER BITS'}; "
        f"{check.seconds[1]:.2f} s, a core {check.seconds[0]:.2f} s"
        for check in one.checks
    ]


def gpu_hints(one: Rank) -> list[str]:
    """What keeps the GPU of a rank from use, or makes it slow, with what to do."""
    if one.blind:
        return [
            f"{one.host}: libcuda is there but not libnvidia-ml, so all ranks take the first GPU: "
            "in a container, set NVIDIA_DRIVER_CAPABILITIES=compute,utility"
        ]
    if not one.driver:
        return []
    told = []
    lines = [int(match[1]) for name in one.wheels if (match := re.search(r"cuda(\d\d)", name))]
    line = max(lines, default=12)
    if not one.device:
        told.append(f"{one.host}: there is a driver but no GPU is visible: ask for GPUs")
    if not one.wheels:
        told.append(f"CuPy is missing: {INSTALL}")
    if len(one.wheels) > 1:
        names = " ".join(one.wheels)
        told.append(f"CuPy is there more than once: pip uninstall {names}, then install one")
    if lines and one.cuda < (line, 0):
        told.append(
            f"{one.host}: driver {one.driver} runs CUDA {one.cuda[0]}.{one.cuda[1]} at most, CuPy "
            f"is for {line}: install driver {DRIVERS.get(line, 'of that CUDA')} or newer"
            + (f", or in its place {INSTALL}" if line > 12 else "")
        )
    elif not one.nvrtc:
        wheel = NVRTC_WHEELS[0] if line == 12 else NVRTC_WHEELS[1]
        told.append(f"NVRTC is missing: pip install {wheel}")
    elif one.trouble:
        told.append(f"{one.host}: {one.trouble}")
    if one.slow:
        told.append(
            f"{one.device_name} has slow float64: use --precision single on it, or --backend cpu"
        )
    return told


def screen(found: Sequence[Rank], wrong: Sequence[str], hints: Sequence[str]) -> list[str]:
    """The whole screen, line by line."""
    first = found[0]
    versions = dict(first.versions)
    hosts = len({one.host for one in found})
    started = f"{first.mpi}, {len(found)} ranks on {hosts} hosts" if first.mpi else ""
    mpiexec = find_mpiexec() or "none"
    runs = f" (CUDA {first.cuda[0]}.{first.cuda[1]})"
    gpu = f"driver {first.driver}{runs}" if first.driver else "no NVIDIA driver"
    nvrtc = f"NVRTC {first.nvrtc}" if first.nvrtc else "no NVRTC"
    rows = [
        ("Python", f"{sys.version.split()[0]}, {Path(sys.executable)}"),
        ("packages", ", ".join(f"{n} {versions[n] or 'MISSING'}" for n in NEEDED)),
        ("HDF5", first.hdf5 or "MISSING"),
        ("MPI", started or f"not started by a launcher; mpiexec: {mpiexec}"),
        ("GPU", f"{gpu}, CuPy {versions['cupy'] or 'not installed'}, {nvrtc}"),
        ("optional", ", ".join(f"{n} {versions[n] or f'not there ({OPTIONAL[n]})'}"
                               for n in OPTIONAL)),
        ("cache", first.cache or "NOT WRITABLE"),
    ]  # fmt: skip
    told = [f"{label:<9} {value}" for label, value in rows]
    told += ["", "rank  host              local  cores  threads  GPU"]
    for one in found:
        gpu = f"{one.device_name} {one.device}" if one.device else "none"
        numbers = f"{one.local:<6} {one.cores:<6} {one.threads:<8}"
        told.append(f"{one.rank:<5} {one.host[:16]:<17} {numbers} {gpu}")
    told.append("")
    told += [line for one in found for line in computed(one)]
    told += [f"must be mended: {text}" for text in wrong]
    told += [f"could be better: {text}" for text in hints]
    return told if wrong or hints else [*told, "nothing is missing"]
