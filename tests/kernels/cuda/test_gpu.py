"""What a user with a card runs once: `pytest -m gpu`. The bits of the CPU engine, on the GPU.

Every test but those of the card's own speed also runs, smaller, on the device that is the CPU, so
that it is right when it first meets a card.
"""

from __future__ import annotations

import dataclasses
import importlib.util
import json
import os
import shutil
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from kernels import Events, Instances, KernelsError, Probe, make_engine
from kernels.cable import make_cable
from kernels.cuda import CudaEngine, HostDevice, Variant
from kernels.cuda.choice import EPOCH, Chooser, kinds_of
from kernels.cuda.classes import Schedules
from kernels.cuda.device import CudaDevice
from kernels.cuda.engine import instance_counts, serial_cells
from kernels.cuda.expression import place_numbers
from kernels.cuda.functions import call_intrinsic, intrinsic_functions
from kernels.cuda.occupancy import LIMITS, resident_cells
from kernels.cuda.target import find_target
from kernels.intrinsics import INTRINSICS
from kernels.precision import SINGLE

LAST = 80  # steps
VARIANTS = [
    None,
    Variant(32, 1, False, False),
    Variant(64, 7, False, False),
    Variant(64, 64, False, False),
    Variant(128, 32, False, False),
    Variant(256, 32, False, False),
    Variant(512, 512, False, False),
    Variant(128, 32, True, False),
    Variant(512, 512, True, False),
    Variant(128, 32, False, False, tile=64),
    Variant(512, 512, False, False, tile=256),
]
TWO = ("pow", "fmod", "min", "max")
#: Slower than the model's floor by more than this is a fault.
SLOWEST = 5.0
#: Seconds of a launch, of which the processor's part is the most.
SLOWEST_LAUNCH = 1e-4


@pytest.fixture(scope="module", params=[pytest.param("cuda", marks=pytest.mark.gpu), "cuda-host"])
def device(request):
    """The card, and the CPU in its place."""
    if request.param == "cuda-host":
        request.getfixturevalue("cxx")
        return HostDevice(3)
    try:
        return CudaDevice()
    except KernelsError as problem:
        if os.environ.get("DISTNET_REQUIRE_GPU") == "1":
            pytest.fail(str(problem))
        pytest.skip(str(problem))


@pytest.fixture
def many(device):
    """`many(on_a_card, on_the_cpu)`: how many of something."""
    return lambda on_a_card, on_the_cpu: on_the_cpu if isinstance(device, HostDevice) else on_a_card


#: `which` is the number of the function.
MAPS = """\
struct Table { const double *x, *y; double *result; long long n; };
extern "C" __global__ void advance(const Table *p, long long first, long long last, int which) {
    const long long stride = (last - first) * THREADS;
    for (long long i = (long long)blockIdx.x * THREADS + threadIdx.x; i < p->n; i += stride) {
        const double x = p->x[i], y = p->y[i];
@calls@
    }
}
extern "C" __global__ void reset(const Table *p, long long first, long long last, int block) {}
"""


def inputs(name: str, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Numbers of every size and sign, and what is not a number."""
    rng = np.random.default_rng(3)
    if name.startswith("philox"):
        return tuple(rng.integers(0, 2**32, (2, n)).astype(float))
    x, y = rng.uniform(-60.0, 60.0, n), rng.uniform(-6.0, 6.0, n)
    most = 4.0 if name in ("sin", "cos", "tan") else 12.0  # their arguments are below 1e5
    x[::5] = rng.standard_normal(len(x[::5])) * 10.0 ** rng.uniform(-12.0, most, len(x[::5]))
    y[::3] = np.round(y[::3])
    if most > 4.0:
        edges = [0.0, -0.0, 1.0, -1.0, 700.0, -700.0, 1e-310, 1e300, np.inf, -np.inf, np.nan]
        x[: len(edges)], y[len(edges) : 2 * len(edges)] = edges, edges
    return x, y


def arguments(name: str, x: str, y: str) -> list[str]:
    if name.startswith("philox"):
        return [x, y, y, x, y]
    return [x, y] if name in TWO else [x]


def on_a_core(name: str, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """What numba makes of an intrinsic."""
    import numba

    from kernels.cpu.numerics import FUNCTIONS

    function = FUNCTIONS[INTRINSICS[name].__name__]
    if name.startswith("philox"):
        loop = lambda x, y: [function(a, b, b, a, b) for a, b in zip(x, y)]  # noqa: B905, E731
    elif name in TWO:
        loop = lambda x, y: [function(a, b) for a, b in zip(x, y)]  # noqa: B905, E731
    else:
        loop = lambda x, y: [function(a) for a in x]  # noqa: E731
    return np.array(numba.njit(loop, error_model="numpy")(x, y))


@pytest.fixture(scope="module")
def maps(device):
    """`maps(name, x, y)`: an intrinsic of all inputs on the device."""
    calls = []
    for k, name in enumerate(INTRINSICS):
        call, _ = call_intrinsic(INTRINSICS[name].__name__, arguments(name, "x", "y"))
        calls.append(f"        if (which == {k}) p->result[i] = {call};")
    text = place_numbers(intrinsic_functions() + MAPS.replace("@calls@", "\n".join(calls)))
    module = device.load(text, Variant(128, 32, True, False), "maps")

    def run(name: str, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        arrays = [x, y, np.zeros(len(x))]
        buffers = [device.allocate(a.nbytes) for a in arrays]
        for buffer, array in zip(buffers, arrays, strict=True):
            device.copy_in(buffer, array)
        fields = [*map(device.address, buffers), len(x)]
        table = device.allocate(8 * len(fields))
        device.copy_in(table, np.array(fields, np.uint64))
        n_block = min(1024, -(-len(x) // 128))
        given = (device.address(table), 0, n_block, list(INTRINSICS).index(name))
        device.synchronize()
        device.launch(module, "advance", n_block, 128, 16, given)
        device.synchronize()
        return device.copy_out(buffers[2], np.float64, len(x))

    return run


@pytest.mark.parametrize("name", INTRINSICS)
def test_intrinsics(maps, many, name):
    """An elementary function over a million inputs."""
    x, y = inputs(name, many(1_000_000, 2_000))
    found, expected = maps(name, x, y), on_a_core(name, x, y)
    number = ~np.isnan(expected)
    np.testing.assert_array_equal(np.isnan(found), ~number)
    np.testing.assert_array_equal(found[number].view(np.int64), expected[number].view(np.int64))


@pytest.mark.parametrize("name", ["hh", "pas", "ExpSyn", "Exp2Syn", "AlphaSynapse", "SEClamp"])
def test_mechanisms(blocks, agree, device, many, name):
    """A mechanism in cells of one node, at voltages of all kinds."""
    n = many(200_000, 40)
    node = np.arange(n, dtype=np.int32)
    group = Instances(blocks.mechanism(name), node, node)
    probes = [Probe("v", np.arange(n), 5)]
    targets = [(0, i) for i in range(n)] if group.mechanism.receive is not None else []
    block = blocks.simple([group], n, targets, [0.001] * len(targets), probes=probes)
    rng = np.random.default_rng(1)
    block = dataclasses.replace(block, v_init=rng.uniform(-120.0, 60.0, n))
    step = np.full(len(targets), 3)
    events = Events(step, step * block.dt, np.arange(len(targets), dtype=np.int32))
    cpu = blocks.advance(make_engine(block, "cpu"), events, 40, 40)
    assert agree(cpu, blocks.advance(CudaEngine(block, device), events, 40, 40))


@pytest.mark.parametrize("variant", VARIANTS, ids=str)
def test_one_interval_of_each_variant(blocks, agree, device, many, variant):
    sizes = [9, 40, 1, 23, *many([300, 7, 1200], [])]
    for seed in range(many(4, 1)):
        block = blocks.random(seed, sizes)
        events = blocks.events(block, seed, 60, LAST)
        last = many(LAST, 12)
        cpu = blocks.advance(make_engine(block, "cpu"), events, last, last)
        assert agree(cpu, blocks.advance(CudaEngine(block, device, variant), events, last, 33))


@pytest.mark.parametrize("variant", [None, VARIANTS[-1]], ids=str)
def test_single_precision(blocks, agree, device, many, variant):
    sizes = [9, 40, 1, 23, *many([300, 7, 1200], [])]
    block = blocks.random(6, sizes)
    last = many(LAST, 12)
    events = blocks.events(block, 6, 60, LAST)
    cpu = blocks.advance(make_engine(block, "cpu", "single"), events, last, last)
    engine = CudaEngine(block, device, variant, SINGLE)
    assert agree(cpu, blocks.advance(engine, events, last, 33))


def test_a_saved_state_goes_on_elsewhere(blocks, device):
    block = blocks.random(3, [9, 40, 7], n_artificial=6)
    events = blocks.events(block, 3, 60, LAST)
    early = events.step < 30
    parts = [Events(events.step[m], events.time[m], events.connection[m]) for m in (early, ~early)]
    one, other = CudaEngine(block, device), make_engine(block, "cpu")
    for engine in (one, other):
        engine.reset()
    one.advance(0, 30, parts[0])
    one.read()
    other.load(one.save())
    for engine in (one, other):
        engine.advance(30, LAST, parts[1])
    for rows, again in zip(one.read(), other.read(), strict=True):
        np.testing.assert_array_equal(rows, again)


def test_a_network(blocks, agree, device, many, capsys):
    """A thousand cells, and how long they take beside the floor of the model."""
    n_cell, last = many(1000, 12), many(400, 40)
    sizes = np.random.default_rng(1).integers(*many((100, 400), (5, 40)), n_cell).tolist()
    block = blocks.random(2, sizes, every=last)
    events = blocks.events(block, 2, 5 * n_cell, last)
    engine = CudaEngine(block, device)
    cpu = blocks.advance(make_engine(block, "cpu"), events, last, EPOCH)
    assert agree(cpu, blocks.advance(engine, events, last, EPOCH))
    engine.reset()
    start = time.perf_counter()
    for first in range(0, last, EPOCH):
        engine.advance(first, first + EPOCH, blocks.no_events())
    seconds = (time.perf_counter() - start) * EPOCH / last
    floor = floor_of_block(block, engine)
    with capsys.disabled():
        scale = 1e9 / EPOCH / block.n_node
        print(f"\n{device.name}: {seconds * scale:.4f} ns a node and step; "
              f"the model's floor: {floor * scale:.4f}")  # fmt: skip
    if not isinstance(device, HostDevice):
        assert seconds < SLOWEST * floor + 1e-3  # a millisecond for the host's part


def floor_of_block(block, engine) -> float:
    """Seconds of an epoch by the model."""
    plans = make_cable(block).plans
    chooser = Chooser(engine.device.card, engine.program.printers, Schedules())
    kinds, of_cell = kinds_of(plans, serial_cells(block, engine.program), instance_counts(block))
    cells = np.concatenate([np.full(c.n, k) for k, c in enumerate(engine.classes)])
    class_of_cell = cells[engine.state.nodes.rank]
    variants = [engine.classes[class_of_cell[of_cell == k][0]].variant for k in range(len(kinds))]
    return chooser.seconds(kinds, variants)


def test_what_the_driver_loads_is_what_was_compiled(device):
    """Registers as NVRTC tells them, nothing spilled, as many cells at once as the model has."""
    place = Path(__file__).with_name("test_nvrtc.py")
    spec = importlib.util.spec_from_file_location("pins_of_nvrtc", place)
    pins = importlib.util.module_from_spec(spec)
    sys.modules["pins_of_nvrtc"] = pins
    spec.loader.exec_module(pins)
    record = json.loads(pins.PINS.read_text())
    text = pins.text("hh")
    for name, variant in pins.VARIANTS.items():
        assert record["kernels"][f"hh, {name}, sm_90"]["advance"]["registers"] <= 128
        if isinstance(device, HostDevice):
            continue
        function = device.load(text, variant, "hh")["advance"]
        assert function.local_size_bytes == 0, name
        assert find_target(device.architecture).is_ptx or (
            function.num_regs
            == pins.measure("hh", name, device.architecture)["advance"]["registers"]
        ), name
        known = int(device.architecture.removeprefix("sm_")) in LIMITS
        for n_shared in (16, 8_000, 40_000) if known else ():
            function.max_dynamic_shared_size_bytes = n_shared
            held = device.cupy.cuda.driver.occupancyMaxActiveBlocksPerMultiprocessor(
                function.kernel.ptr, variant.threads, n_shared
            )
            how = (device.architecture, function.num_regs, variant.threads, n_shared)
            assert held == resident_cells(*how), (name, n_shared)


@pytest.mark.gpu
def test_bandwidth_and_launches(capsys):
    """Figures that the model takes for granted; far below them something is wrong."""
    if not isinstance(found := _card(), CudaDevice):
        pytest.skip(str(found))
    cupy, card = found.cupy, found.card
    source = cupy.zeros(1 << 27)
    target = cupy.empty_like(source)
    copy = _seconds(cupy, lambda: cupy.copyto(target, source), 10)
    bandwidth = 2 * source.nbytes / copy
    text = MAPS.replace("@calls@", "        p->result[i] = x + y;")
    module = found.load(text, Variant(32, 32, True, False), "nothing")
    table = found.allocate(32)
    found.copy_in(table, np.zeros(4, np.uint64))
    found.synchronize()
    given = (found.address(table), 0, 1, 0)
    launch = _seconds(cupy, lambda: found.launch(module, "advance", 1, 32, 16, given), 1000)
    with capsys.disabled():
        print(f"\nmemory {bandwidth:.3g} bytes/s (model {card.memory_bandwidth:.3g}); "
              f"launch {launch:.3g} s (model {card.launch:.3g})")  # fmt: skip
    assert bandwidth > card.memory_bandwidth / SLOWEST
    assert launch < SLOWEST_LAUNCH


def _card() -> CudaDevice | KernelsError:
    try:
        return CudaDevice()
    except KernelsError as problem:
        if os.environ.get("DISTNET_REQUIRE_GPU") == "1":
            pytest.fail(str(problem))
        return problem


def _seconds(cupy, call, n: int) -> float:
    """Time of one of n calls, after a first."""
    call()
    cupy.cuda.runtime.deviceSynchronize()
    start = time.perf_counter()
    for _ in range(n):
        call()
    cupy.cuda.runtime.deviceSynchronize()
    return (time.perf_counter() - start) / n


#: Checkers of CUDA's compute-sanitizer, and launches one at a time.
CHECKS = ("memcheck", "racecheck", "synccheck", "initcheck")
RUN = Path(__file__).with_name("gpu_run.py")


@pytest.mark.parametrize("check", [*CHECKS, "blocking"])
def test_under_a_checker(device, run_python, check):
    """On a card under compute-sanitizer, if it is there; a plain run on the CPU."""
    if isinstance(device, HostDevice):
        if check != "blocking":
            pytest.skip("compute-sanitizer checks what runs on a card")
        done = run_python([RUN, "cuda-host"])
    elif check == "blocking":
        done = run_python([RUN, "cuda"], env={"CUDA_LAUNCH_BLOCKING": "1"})
    elif (program := shutil.which("compute-sanitizer")) is None:
        pytest.skip("compute-sanitizer is not on the PATH")
    else:
        code = (
            "import subprocess, sys; sys.exit(subprocess.run(["
            f"{program!r}, '--tool', {check!r}, '--error-exitcode', '9', {sys.executable!r}, "
            f"{str(RUN)!r}, 'cuda']).returncode)"
        )
        done = run_python(["-c", code], timeout=600)
    assert done.returncode == 0, done.output
    assert "same" in done.stdout
