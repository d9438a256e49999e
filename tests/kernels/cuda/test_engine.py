"""The text of the CUDA kernels, run on the CPU: the bits of the CPU engine."""

from __future__ import annotations

import dataclasses
import itertools

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kernels import Events, KernelsError, Probe, make_engine
from kernels.cuda import CudaEngine, HostDevice, Variant
from kernels.cuda.arrivals import Arrivals
from kernels.cuda.classes import shared_bytes
from kernels.cuda.memory import Memory
from kernels.errors import NotFinite, OutOfDeviceMemory

LAST = 80  # steps
VARIANTS = {
    "chosen by size": None,
    "one lane": Variant(32, 1, False, False),
    "seven lanes of two warps": Variant(64, 7, False, False),
    "a warp of eight": Variant(256, 32, False, False),
    "lanes of two warps of three": Variant(96, 50, False, False),
    "state in L2": Variant(64, 64, True, False),
    "tiles": Variant(96, 50, False, False, tile=8),
}
FEW = settings(
    max_examples=8,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)


def many_cells(blocks, seed: int = 3, **more):
    return blocks.random(seed, [9, 40, 1, 23, 7, 7], **more)


@FEW
@given(
    seed=st.integers(0, 2**31),
    sizes=st.lists(st.integers(1, 30), min_size=0, max_size=7),
    method=st.sampled_from(["backward-euler", "crank-nicolson"]),
    order=st.sampled_from(["ascending", "descending", 2, 3]),
)
def test_bits_of_the_cpu_engine(blocks, host_engine, agree, seed, sizes, method, order):
    block = blocks.random(seed, sizes, method=method, every=3)
    events = blocks.events(block, seed, 40, LAST)
    cpu = blocks.advance(make_engine(block, "cpu"), events, LAST, LAST)
    assert agree(cpu, blocks.advance(host_engine(block, order), events, LAST, 33))


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("trees", ["Hines", "condensed"])
def test_threads_and_lanes_change_no_bit(blocks, host_engine, agree, trees, variant, request):
    if trees == "condensed":
        request.getfixturevalue("condense_all")
    block = many_cells(blocks)
    events = blocks.events(block, 3, 60, LAST)
    cpu = blocks.advance(make_engine(block, "cpu"), events, LAST, LAST)
    assert len(cpu.spikes.step)
    for order in ("ascending", "descending", 2, 77):
        engine = host_engine(block, order, VARIANTS[variant])
        assert any(c.variant.condensed for c in engine.classes) == (trees == "condensed")
        assert agree(cpu, blocks.advance(engine, events, LAST, LAST)), order


def test_a_long_cell_is_condensed(blocks, host_engine, agree):
    """Cells of both kinds, in one group of the CPU engine and in classes of their own here."""
    block = blocks.random(3, [40, 150, 9, 300, 150])
    engine = host_engine(block)
    assert {c.variant.condensed for c in engine.classes if c.n} == {False, True}
    events = blocks.events(block, 3, 60, 20)
    cpu = blocks.advance(make_engine(block, "cpu"), events, 20, 20)
    for order in ("ascending", "descending", 5):
        assert agree(cpu, blocks.advance(host_engine(block, order), events, 20, 20))


def test_reset_gives_the_same_run_again(blocks, host_engine, agree):
    block = many_cells(blocks)
    events = blocks.events(block, 3, 40, LAST)
    engine = host_engine(block)
    once = blocks.advance(engine, events, LAST, 20)
    assert agree(once, blocks.advance(engine, events, LAST, LAST))


def test_a_sample_now_is_the_next_row(blocks, host_engine):
    block = many_cells(blocks)
    engine = host_engine(block)
    blocks.advance(engine, blocks.events(block, 9, 20, 40), 40, 40)
    now = engine.sample()
    engine.advance(40, 41, blocks.no_events())
    for value, rows in zip(now, engine.read(), strict=True):
        np.testing.assert_array_equal(rows, value[None])


def test_a_voltage_that_is_no_number_names_cell_and_node(blocks, host_engine):
    block = many_cells(blocks)
    bad = int(block.cell_ptr[1]) + 5
    start = np.where(np.arange(block.n_node) == bad, np.nan, block.v_init)
    engine = host_engine(dataclasses.replace(block, v_init=start))
    engine.reset()
    with pytest.raises(NotFinite) as caught:
        engine.advance(0, 2, blocks.no_events())
    assert caught.value.cell == 1
    assert block.cell_ptr[1] <= caught.value.node < block.cell_ptr[2]


def test_cells_too_large_for_shared_memory_keep_their_state_in_l2(blocks, cxx, agree):
    block = blocks.random(4, [300, 20])
    events = blocks.events(block, 4, 30, 20)
    cpu = blocks.advance(make_engine(block, "cpu"), events, 20, 20)
    engine = CudaEngine(block, HostDevice(max_shared=4096))
    large = {c.variant.large: c.n for c in engine.classes if c.n and not c.variant.serial}
    assert large == {False: 1, True: 1}
    assert agree(cpu, blocks.advance(engine, events, 20, 20))


# --- what goes wrong is found ---


def spoil(engine: CudaEngine, before: str, after: str) -> CudaEngine:
    """The engine with a fault planted in its text."""
    assert before in engine.program.text
    text = engine.program.text.replace(before, after, 1)
    engine.modules = [engine.device.load(text, c.variant, "spoilt") for c in engine.classes]
    return engine


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("first = last;\n        sync_tree();", "first = last;"),
        ("--level) {\n        sync_tree();", "--level) {"),
        ("const Real factor = axial * diagonal[j];",
         "const Real factor = axial * diagonal[i];"),
    ],
    ids=["no barrier on the way to the root", "no barrier on the way back", "a wrong factor"],
)  # fmt: skip
def test_a_planted_fault_shows(blocks, host_engine, agree, before, after):
    block = many_cells(blocks)
    cpu = blocks.advance(make_engine(block, "cpu"), blocks.no_events(), 20, 20)
    found = []
    for order in ("ascending", "descending", 2):
        engine = spoil(host_engine(block, order), before, after)
        try:
            found.append(agree(cpu, blocks.advance(engine, blocks.no_events(), 20, 20)))
        except NotFinite:
            found.append(False)
    assert not all(found)


def test_children_in_another_order_show(blocks, host_engine, agree):
    block = blocks.random(5, [40, 40, 40])
    cpu = blocks.advance(make_engine(block, "cpu"), blocks.no_events(), 20, 20)
    engine = host_engine(block)
    arrays = engine.state.nodes.arrays
    ptr, child = arrays["child_ptr"].copy(), arrays["child"]
    turned = child.copy()
    node_ptr = engine.state.nodes.node_ptr
    for cell, (first, last) in enumerate(itertools.pairwise(node_ptr)):
        own = ptr[first + cell : last + cell + 1]
        begin = arrays["child_first"][cell]
        for a, b in itertools.pairwise(own):
            turned[begin + a : begin + b] = child[begin + a : begin + b][::-1]
    arrays["child"] = turned
    assert not np.array_equal(child, turned)
    assert not agree(cpu, blocks.advance(engine, blocks.no_events(), 20, 20))


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("if (cell.lane != 3) __syncthreads();", "wait at different barriers"),
        ("if (cell.lane == 3) __syncthreads();\nelse __syncthreads();", "at different barriers"),
        ("if (cell.lane == 3) sync_tree();\n__syncthreads();", "wait for each other for ever"),
    ],
)
def test_a_barrier_that_some_threads_miss_is_found(blocks, host_engine, fault, words):
    engine = spoil(
        host_engine(many_cells(blocks), forced=Variant(64, 32, False, False)),
        "    __syncthreads();\n    return cell;",
        f"    {fault}\n    return cell;",
    )
    with pytest.raises(KernelsError, match=words):
        engine.reset()


def test_too_little_shared_memory_is_found(blocks, host_engine):
    engine = host_engine(many_cells(blocks))
    engine.classes = [dataclasses.replace(c, n_shared=c.n_shared - 32) for c in engine.classes]
    with pytest.raises(KernelsError, match="behind its shared memory"):
        engine.reset()


def test_shared_memory_beyond_the_card_is_refused(blocks, host_engine):
    engine = host_engine(many_cells(blocks))
    engine.classes = [dataclasses.replace(c, n_shared=300_000) for c in engine.classes]
    with pytest.raises(KernelsError, match="300000 bytes of shared memory, 232448 allowed"):
        engine.reset()


def test_a_block_that_does_not_fit_tells_what_it_needs(blocks, cxx):
    engine = CudaEngine(many_cells(blocks), HostDevice(memory=20_000))
    with pytest.raises(OutOfDeviceMemory, match="MB of memory are needed, 0.0 MB are free"):
        engine.reset()


class LaunchRecorder(HostDevice):
    """Notes the first cell of each launch."""

    def launch(self, module, kernel, n_block, n_thread, n_shared, arguments, stream=0):
        self.first.append(arguments[-1])
        super().launch(module, kernel, n_block, n_thread, n_shared, arguments, stream)


def test_the_class_of_the_largest_cell_is_launched_first(blocks, cxx):
    device = LaunchRecorder()
    device.first = []
    engine = CudaEngine(blocks.random(3, [9, 40, 300, 900]), device)
    engine.reset()
    sizes = np.diff(engine.state.nodes.node_ptr)[device.first]
    assert len(sizes) > 2
    assert (np.diff(sizes) <= 0).all()


def test_memory_grows_by_half_as_much_again_where_there_is_room():
    for n_byte, capacity in ((2_000, 300), (250, 200)):
        memory = Memory(HostDevice(memory=n_byte), ())
        memory.reserve("a", 100)
        memory.reserve("a", 200)
        assert memory.capacity["a"] == capacity
        assert memory.device.used == capacity


def test_more_steps_than_events_can_name_are_refused(blocks, host_engine):
    engine = host_engine(blocks.random(1, [3]))
    engine.reset()
    with pytest.raises(KernelsError, match=r"step 2147483648: .* 2147483647 steps at most"):
        engine.advance(2**31 - 1, 2**31, blocks.no_events())


def test_without_a_gpu_the_backend_says_so(blocks):
    try:
        import cupy

        if cupy.cuda.runtime.getDeviceCount():
            pytest.skip("there is a GPU")
    except Exception:  # noqa: BLE001  (cupy's own errors vary with what is missing)
        pass
    with pytest.raises(KernelsError, match='^backend "cuda": '):
        make_engine(many_cells(blocks), "cuda")


def test_shared_bytes_of_a_cell():
    assert shared_bytes(0, 0) == 16
    assert shared_bytes(200, 50) == 32 * 200 + 2 * (3 * 200 + 1 + 51) + 8
    assert shared_bytes(200, 50, 100) == 40 * 200 + 2 * (4 * 200 + 1 + 100 + 51)


def test_probes_of_gathered_variables(blocks, host_engine, agree):
    block = many_cells(blocks)
    probes = (*block.probes, Probe("hh.ina", np.arange(3), 2), Probe("hh.minf", np.arange(2), 1))
    block = dataclasses.replace(block, probes=probes)
    cpu = blocks.advance(make_engine(block, "cpu"), blocks.no_events(), 40, 40)
    assert agree(cpu, blocks.advance(host_engine(block), blocks.no_events(), 40, 40))


def test_a_saved_state_goes_on_as_if_nothing_was(blocks, host_engine, agree):
    block = many_cells(blocks, n_artificial=6)
    events = blocks.events(block, 3, 60, LAST)
    early, late = (
        Events(events.step[m], events.time[m], events.connection[m])
        for m in (events.step < 30, events.step >= 30)
    )
    for first, second in (("cpu", "host"), ("host", "cpu"), ("host", "host")):
        make = {"cpu": lambda: make_engine(block, "cpu"), "host": lambda: host_engine(block, 3)}
        one, other = make[first](), make[second]()
        one.reset()
        one.advance(0, 30, early)
        one.read()
        other.reset()
        other.load(one.save())
        spikes = [engine.advance(30, LAST, late) for engine in (one, other)]
        for field in ("step", "time", "source"):
            np.testing.assert_array_equal(*(getattr(s, field) for s in spikes))
        for rows, again in zip(one.read(), other.read(), strict=True):
            np.testing.assert_array_equal(rows, again)


class CopyCounter(HostDevice):
    """Counts what crosses the bus."""

    n_in = n_out = 0

    def copy_in(self, buffer, array):
        self.n_in += 1
        super().copy_in(buffer, array)

    def copy_out_to(self, buffer, array):
        self.n_out += 1
        super().copy_out_to(buffer, array)

    def copy_out(self, buffer, dtype, n):
        self.n_out += n > 0
        return super().copy_out(buffer, dtype, n)


def test_an_epoch_is_two_copies(blocks, cxx):
    """Events and table in, samples and counts out; a third where a spike was fired."""
    device = CopyCounter()
    block = many_cells(blocks, every=3, n_artificial=0)
    events = blocks.events(block, 3, 60, LAST)
    engine = CudaEngine(block, device)
    engine.reset()
    fired = set()
    for first in range(0, LAST, 5):
        own = (events.step >= first) & (events.step < first + 5)
        device.n_in = device.n_out = 0
        part = Events(events.step[own], events.time[own], events.connection[own])
        n_spike = len(engine.advance(first, first + 5, part).step)
        assert (device.n_in, device.n_out) == (1, 1 + (n_spike > 0))
        fired.add(n_spike > 0)
    assert fired == {False, True}


@pytest.mark.parametrize("seed", range(5))
def test_events_go_to_their_cells_in_their_order(seed):
    rng = np.random.default_rng(seed)
    n_cell, n = (int(k) for k in rng.integers(1, 9, 2) * 40)
    cell = rng.integers(0, n_cell, 30)
    step, connection = np.sort(rng.integers(0, 9, n)), rng.integers(0, 30, n).astype(np.int32)
    events = Events(step, step * 0.025, connection)
    arrivals = Arrivals(cell, n_cell, {"event_weight": np.arange(30)})
    found = arrivals.arrange(4, events)
    due = np.flatnonzero(step >= 4)
    order = due[np.argsort(cell[connection[due]], kind="stable")]
    np.testing.assert_array_equal(found["event_weight"], connection[order])
    np.testing.assert_array_equal(found["event_step"], step[order])
    for c in range(n_cell):
        mine = slice(*found["event_ptr"][c : c + 2])
        assert (cell[found["event_weight"][mine]] == c).all()
