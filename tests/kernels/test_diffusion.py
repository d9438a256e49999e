"""LONGITUDINAL_DIFFUSION: closed forms on cables, the same bits on every engine."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest

from kernels import Events, Ion, KernelsError, Probe, make_engine
from kernels.block import Block, Instances
from kernels.errors import NmodlError
from kernels.nmodl import loads
from kernels.preparation import prepare

DT = 0.05
NOTHING = np.zeros(0, np.int64)

#: Shells that react, of which two kinds of state diffuse, one of them the concentration of an ion.
SHELLS = """
NEURON { SUFFIX spread USEION ca READ cai WRITE cai RANGE grow }
PARAMETER { D = 0.6 grow = 0 }
ASSIGNED { width[3] }
STATE { cai bound[3] still }
INITIAL {
    FROM i = 0 TO 2 { width[i] = 1 + 0.5*i bound[i] = i + cai }
    still = 1
}
BREAKPOINT { SOLVE scheme METHOD sparse width[2] = width[2] + grow*dt }
KINETIC scheme {
    COMPARTMENT diam*diam {cai still}
    COMPARTMENT i, diam*width[i] {bound}
    LONGITUDINAL_DIFFUSION 3*D*diam*diam {cai}
    LONGITUDINAL_DIFFUSION i, D*diam {bound}
    FROM i = 0 TO 1 { ~ bound[i] <-> bound[i+1] (0.3, 0.1) }
    ~ cai + bound[0] <-> still (0.1, 0.2)
}
"""
LONE = """
NEURON { SUFFIX spread }
PARAMETER { D = 0.6 }
STATE { ca }
BREAKPOINT { SOLVE scheme METHOD sparse }
KINETIC scheme {
    COMPARTMENT 2*diam {ca}
    LONGITUDINAL_DIFFUSION D*diam {ca}
    ~ ca << (0)
}
"""


def make_block(
    text: str,
    trees: list[list[int]],
    nodes: list[list[int]] | None = None,
    has_area: list[bool] | None = None,
    seed: int = 1,
    **parameters: float,
) -> Block:
    """Cells of these trees; the mechanism in the nodes of the list, or in all that have an area."""
    mechanism = loads(text)
    rng = np.random.default_rng(seed)
    first = np.concatenate([[0], np.cumsum([len(tree) for tree in trees])]).astype(np.int64)
    n = int(first[-1])
    parent = [p + f if p >= 0 else -1 for tree, f in zip(trees, first, strict=False) for p in tree]
    full = np.ones(n, bool) if has_area is None else np.array(has_area)
    node = np.flatnonzero(full) if nodes is None else np.concatenate(
        [np.array(own, int) + f for own, f in zip(nodes, first, strict=False)]
    )  # fmt: skip
    owner = np.repeat(np.arange(len(trees)), np.diff(first)).astype(np.int32)
    area = np.where(full, rng.uniform(50.0, 90.0, n), 0.0)
    ca = Ion("ca", 2.0, np.full(n, 130.0), rng.uniform(0.1, 2.0, n), np.full(n, 2.0))
    ions = (ca,) if mechanism.ions else ()
    values = {name: np.full(len(node), value) for name, value in parameters.items()}
    probes = [
        Probe(f"spread.{one.state}", np.arange(len(node)), 1)
        for one in mechanism.diffusing
        if one.state in mechanism.states
    ]
    probes += [Probe("ca.ci", np.arange(n), 1)] if ions else []
    return Block(
        dt=DT,
        celsius=25.0,
        method="backward-euler",
        cell_ptr=first,
        parent=np.array(parent, np.int32),
        axial=np.where(np.array(parent) < 0, 0.0, 0.1),
        capacitance=area * 1e-5,
        area=area,
        diam=rng.uniform(0.5, 3.0, n),
        v_init=np.full(n, -65.0),
        mechanisms=(Instances(mechanism, node.astype(np.int32), owner[node], values),),
        ions=ions,
        globals={},
        source_node=np.zeros(0, np.int32),
        source_threshold=np.zeros(0),
        source_instance=np.zeros((0, 2), np.int32),
        connection_target=np.zeros((0, 2), np.int32),
        weight=np.zeros(0),
        probes=tuple(probes),
        length=np.where(full, rng.uniform(1.0, 9.0, n), 0.0),
    )


def random_trees(seed: int, sizes: list[int]) -> list[list[int]]:
    """Trees whose branches are some nodes long."""
    rng = np.random.default_rng(seed)
    return [[-1, *(int(rng.integers(max(0, i - 3), i)) for i in range(1, n))] for n in sizes]


def uneven_block(seed: int = 3, sizes=(41, 1, 90, 60, 33, 2, 7, 20, 55, 80), **more) -> Block:
    """Cells in which the mechanism is missing here and there; some nodes have no area."""
    trees = random_trees(seed, list(sizes))
    rng = np.random.default_rng(seed)
    has_area = [bool(p < 0 or rng.random() > 0.15) for tree in trees for p in tree]
    nodes, k = [], 0
    for tree in trees:
        nodes.append([i for i in range(len(tree)) if has_area[k + i] and rng.random() > 0.1])
        k += len(tree)
    return make_block(SHELLS, trees, nodes, has_area, seed, **more)


def run(block: Block, n_step: int, backend: str = "cpu", precision: str = "double", start=None):
    """(n_step, n_place) of every probe, the start left out; the engine."""
    engine = make_engine(block, backend, precision)
    engine.reset()
    if start is not None:
        engine.load(engine.save() | start)
    engine.advance(0, n_step, Events(NOTHING, NOTHING.astype(float), NOTHING.astype(np.int32)))
    rows, end = engine.read(), engine.sample()
    taken = [np.concatenate([row, last[None]]) for row, last in zip(rows, end, strict=True)]
    return [row[1:] if start is not None else row for row in taken], engine


def even(block: Block) -> Block:
    n = block.n_node
    return dataclasses.replace(block, diam=np.full(n, 2.0), length=np.full(n, 5.0))


def test_a_cosine_decays_at_the_rate_of_backward_euler():
    n, mode = 40, 3
    block = even(make_block(LONE, [[i - 1 for i in range(n)]]))
    wave = np.cos(math.pi * mode * (np.arange(n) + 0.5) / n)
    (values,), _ = run(block, 20, start={"spread.ca": 2.0 + wave})
    rate = 0.6 / 2.0 / 5.0**2 * 4.0 * math.sin(math.pi * mode / (2 * n)) ** 2
    left = (1.0 + DT * rate) ** -np.arange(1, 21)
    np.testing.assert_allclose(values - 2.0, left[:, None] * wave, rtol=0, atol=2e-14)


@pytest.mark.parametrize("backend", ["reference", "cpu"])
def test_amounts_are_kept_and_differences_decay(backend):
    block = uneven_block()
    (mechanism,) = (group.mechanism for group in block.mechanisms)
    block = dataclasses.replace(block, mechanisms=(
        dataclasses.replace(block.mechanisms[0], mechanism=_still(mechanism)),
    ))  # fmt: skip
    values, _ = run(block, 30, backend)
    node = block.mechanisms[0].node
    weight = block.length[node] * block.diam[node]
    for k, width in enumerate((1.0, 1.5, 2.0)):
        for cell in range(block.n_cell):
            own = block.mechanisms[0].cell == cell
            amount = values[k][:, own] @ (weight * width)[own]
            np.testing.assert_allclose(amount, amount[0], rtol=1e-13)
    assert np.std(values[0][-1]) < 0.95 * np.std(values[0][0])


def _still(mechanism):
    """Without its reactions: only what diffuses moves."""
    return dataclasses.replace(mechanism, state=dataclasses.replace(mechanism.state, body=()))


def test_what_is_even_stays_so():
    block = uneven_block()
    start = {"ca.ci": np.full(block.n_node, 0.3)}
    start |= {f"spread.bound_{i}_": np.full(block.mechanisms[0].n, 0.1) for i in range(3)}
    mechanism = _still(block.mechanisms[0].mechanism)
    group = dataclasses.replace(block.mechanisms[0], mechanism=mechanism)
    values, _ = run(dataclasses.replace(block, mechanisms=(group,)), 5, start=start)
    assert all((row == 0.1).all() for row in values[:3]) and (values[3] == 0.3).all()


def test_a_compartment_without_the_mechanism_lets_nothing_pass():
    tree = [-1, 0, 1, 2, 3, 4]
    block = make_block(LONE, [tree], [[0, 1, 3, 4, 5]], [True, True, True, True, False, True])
    block = dataclasses.replace(block, mechanisms=(dataclasses.replace(
        block.mechanisms[0], node=np.array([0, 1, 3, 5], np.int32), cell=np.zeros(4, np.int32)
    ),), probes=(Probe("spread.ca", np.arange(4), 1),))  # fmt: skip
    start = {"spread.ca": np.array([1.0, 0.0, 4.0, 0.0])}
    (values,), _ = run(dataclasses.replace(block, dt=20.0), 500, start=start)
    weight = (block.length * block.diam)[[0, 1, 3, 5]]
    left, right = weight[0] / weight[:2].sum(), 4.0 * weight[2] / weight[2:].sum()
    np.testing.assert_allclose(values[-1], [left, left, right, right], rtol=1e-9)


@pytest.mark.parametrize("grow", [0.0, 0.2])
def test_the_reference_engine_agrees(grow):
    block = uneven_block(grow=grow)
    ours, theirs = run(block, 30)[0], run(block, 30, "reference")[0]
    for one, other in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12)
        assert np.abs(one[-1] - one[0]).max() > 0.05


def test_volumes_that_never_change_are_computed_once():
    growing = prepare(uneven_block()).mechanisms[0]
    assert growing.diffuse.body  # width[2] is set by BREAKPOINT
    lone = prepare(make_block(LONE, [[-1, 0]])).mechanisms[0]
    assert not lone.diffuse.body and {"volume_of_ca", "flow_of_ca"} <= set(lone.derive.stores)


def test_crank_nicolson_leaves_diffusion_alone():
    block = even(make_block(LONE, [[-1, 0, 1, 2]]))
    start = {"spread.ca": np.array([1.0, 0.0, 0.0, 2.0])}
    whole, _ = run(block, 5, start=start)
    half, _ = run(dataclasses.replace(block, method="crank-nicolson"), 5, start=start)
    np.testing.assert_array_equal(whole[0], half[0])


@pytest.mark.parametrize("backend", ["reference", "cpu"])
def test_a_saved_state_goes_on_with_the_same_bits(backend):
    block = uneven_block()
    _, engine = run(block, 12, backend)
    kept = engine.save()
    whole, _ = run(block, 24, backend)
    rest, _ = run(block, 12, backend, start=kept)
    for one, other in zip(whole, rest, strict=True):
        np.testing.assert_array_equal(one[-12:], other)


def test_groups_of_cells_change_no_bit():
    """Cells side by side have the bits that they have alone."""
    trees = random_trees(5, [30, 12, 44])
    block = make_block(LONE, trees)
    rng = np.random.default_rng(2)
    start = rng.uniform(0, 1, block.n_node)
    together = run(block, 9, start={"spread.ca": start})[0][0]
    for c in range(3):
        own = slice(block.cell_ptr[c], block.cell_ptr[c + 1])
        alone = make_block(LONE, [trees[c]])
        alone = dataclasses.replace(alone, diam=block.diam[own], length=block.length[own])
        values = run(alone, 9, start={"spread.ca": start[own]})[0][0]
        np.testing.assert_array_equal(values, together[:, own])


def test_single_precision_is_near():
    block = uneven_block()
    for one, other in zip(run(block, 30)[0], run(block, 30, precision="single")[0], strict=True):
        np.testing.assert_allclose(one, other, rtol=2e-5)


def test_what_cannot_diffuse_is_refused():
    block = make_block(LONE, [[-1, 0, 1]])
    with pytest.raises(KernelsError, match=r"needs the length of every compartment; .* 0 of 3"):
        make_engine(dataclasses.replace(block, length=np.zeros(0)), "cpu")
    group = dataclasses.replace(
        block.mechanisms[0], node=np.array([0, 1, 1], np.int32), cell=np.zeros(3, np.int32)
    )
    with pytest.raises(KernelsError, match="spread: node 1 has several instances"):
        make_engine(dataclasses.replace(block, mechanisms=(group,)), "reference")
    with pytest.raises(NmodlError, match="ca diffuses, so a COMPARTMENT must give its volume"):
        loads(LONE.replace("COMPARTMENT 2*diam {ca}", ""))


def test_compartments_apart_need_no_length():
    tree = [-1, 0, 1, 2]
    block = make_block(LONE, [tree], [[0, 3]], [True, True, False, True])
    make_engine(dataclasses.replace(block, length=np.zeros(0)), "cpu").reset()
