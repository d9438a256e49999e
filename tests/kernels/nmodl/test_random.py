"""Random streams: the numbers themselves, and what functions make of them."""

from __future__ import annotations

import math

import numpy as np
import pytest

from kernels import Instances, Probe, make_engine
from kernels.errors import NmodlError
from kernels.intrinsics import philox
from kernels.nmodl import loads

#: Known answers of Philox4x32-10 from Random123's own kat_vectors: counter, key, four words.
KNOWN = [
    ((0, 0, 0, 0), 0, (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
]
UNIT = 1.0 / 4294967297.0
DRAWS = """
NEURON { POINT_PROCESS Draws RANGE u, n, e, i, b, s, q RANDOM r }
ASSIGNED { u n e i b s q }
INITIAL {
    random_setseq(r, 5)
    u = random_uniform(r)
    n = random_normal(r)
    e = random_negexp(r, 3)
    i = random_ipick(r)
    b = random_uniform(r, -1, 4)
    s = random_normal(r, 10, 2) + random_dpick(r)
}
BREAKPOINT { SOLVE draw }
PROCEDURE draw() { q = q + random_uniform(r) }
"""


@pytest.mark.parametrize(("counter", "key", "words"), KNOWN)
def test_philox_gives_the_known_answers(counter, key, words):
    sequence, id3, id1, id2 = counter
    found = [philox(id1, id2, id3, key, 4.0 * sequence + k) for k in range(4)]
    assert found == list(words)


class Stream:
    """NEURON's formulas, written for a test."""

    def __init__(self, ids, key, sequence):
        self.ids, self.key, self.sequence = ids, key, sequence

    def pick(self):
        self.sequence += 1
        return philox(*map(float, self.ids), float(self.key), self.sequence - 1.0)

    def uniform(self):
        return (self.pick() + 1.0) * UNIT

    def normal(self):
        while True:
            x, y = 2.0 * self.uniform() - 1.0, 2.0 * self.uniform() - 1.0
            w = x * x + y * y
            if w <= 1.0:
                return x * math.sqrt(-2.0 * math.log(w) / w)


@pytest.mark.parametrize("backend", ["cpu", "reference"])
def test_functions_of_a_stream(blocks, backend):
    ids = {"r__id1": [3.0] * 3, "r__id2": [4294967295.0, 1.0, 2.0], "r__id3": [9.0] * 3}
    cell = np.array([0, 0, 1], np.int32)
    given = {name: np.array(values) for name, values in ids.items()}
    group = Instances(loads(DRAWS), cell, cell, given)
    names = ["u", "n", "e", "i", "b", "s", "q"]
    probes = [Probe(f"Draws.{name}", np.arange(3), 1) for name in names]
    block = blocks.simple([group], n_cell=2, probes=probes)
    engine = make_engine(block, backend)
    found = blocks.advance(engine, blocks.no_events(), 6, 3).samples
    for k, second in enumerate((4294967295, 1, 2)):
        stream = Stream((3, second, 9), 0, 5)
        u, n = stream.uniform(), stream.normal()
        e, i = -math.log(stream.uniform()) * 3.0, stream.pick()
        b = -1.0 + stream.uniform() * 5.0
        s = 10.0 + stream.normal() * 2.0 + stream.uniform()
        values = [x[0, k] for x in found[:6]]
        assert (values[0], values[3], values[4]) == (u, i, b)
        np.testing.assert_allclose(values, [u, n, e, i, b, s], rtol=1e-14)
        q = 0.0
        for row in found[6][:, k]:
            assert row == q
            q += stream.uniform()


def test_old_functions_draw_from_the_instances_own_stream(execute):
    text = """
    NEURON { SUFFIX x RANGE a, b, c, p }
    ASSIGNED { a b c p }
    INITIAL { set_seed(8) a = scop_random() b = exprand(2) c = normrand(1, 3) p = poisrand(4) }
    """
    mechanism = loads(text)
    assert mechanism.streams == ("random",)
    ids = {"random__id1": 1.0, "random__id2": 2.0, "random__id3": 3.0, "random__key": 7.0}
    values = execute(mechanism, mechanism.init, **ids)
    stream = Stream((1, 2, 3), 7, 8)
    assert values["a"] == stream.uniform()
    assert values["b"] == pytest.approx(-2.0 * math.log(stream.uniform()), rel=1e-14)
    assert values["c"] == pytest.approx(1.0 + 3.0 * stream.normal(), rel=1e-14)
    product, count = stream.uniform(), 0
    while product > math.exp(-4.0):
        product, count = product * stream.uniform(), count + 1
    assert values["p"] == count
    assert values["random__sequence"] == stream.sequence


def test_a_current_draws_twice_as_in_neuron(compile_density):
    mechanism = compile_density(
        "BREAKPOINT { i = 0.1*(v + random_normal(r)) }", neuron="NONSPECIFIC_CURRENT i RANDOM r"
    )
    assert not mechanism.affine
    assert "r__sequence" in mechanism.current.stores


@pytest.mark.parametrize(
    ("call", "message"),
    [
        ("x = random_uniform(s)", "random_uniform needs a RANDOM variable first"),
        ("x = random_uniform(r, 1)", "random_uniform takes 0 or 2 numbers, found 1"),
        ("x = r", "RANDOM r is not supported"),
    ],
)
def test_wrong_uses_are_errors(compile_density, call, message):
    with pytest.raises(NmodlError, match=message):
        compile_density(
            f"INITIAL {{ {call} }}", "PARAMETER { x s }", "RANGE x NONSPECIFIC_CURRENT i RANDOM r"
        )


@pytest.mark.parametrize("noise", [0.0, 0.3, 1.0])
def test_spikes_of_a_noisy_generator_are_those_of_neuron(blocks, noise):
    h = pytest.importorskip("neuron").h
    h.load_file("stdrun.hoc")
    section = h.Section(name="any")
    given = {"interval": 1.7, "number": 40.0, "start": 2.0, "noise": noise}
    theirs = h.NetStim()
    for name, value in given.items():
        setattr(theirs, name, value)
    theirs.ranvar.set_ids(5, 4000000000, 77)
    times = h.Vector()
    listener = h.NetCon(theirs, None)
    listener.record(times)
    h.dt = 0.025
    h.finitialize(-65)
    h.continuerun(60.0)
    ids = {"ranvar__id1": 5.0, "ranvar__id2": 4000000000.0, "ranvar__id3": 77.0}
    values = {name: np.array([value]) for name, value in {**given, **ids}.items()}
    none = np.zeros(1, np.int32)
    ours = Instances(blocks.mechanism("NetStim"), none - 1, none, values)
    block = blocks.simple([ours], n_cell=0, sources=[(-1, 0, 0)])
    found = blocks.advance(make_engine(block, "cpu"), blocks.no_events(), 2400, 400).spikes
    assert len(times) > 20
    np.testing.assert_allclose(found.time, np.array(times), rtol=1e-13)
    del listener, section
