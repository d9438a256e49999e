"""Random streams: identities that depend on nothing but the model."""

from __future__ import annotations

import numpy as np

from distnet.streams import identify_streams
from kernels.nmodl import loads

NOISE = loads("NEURON { POINT_PROCESS Noise RANDOM r, s }\nINITIAL { random_setseq(r, 0) }\n")


def identities(gid, given=None, seed=0, **values):
    values = {name: np.array(array, float) for name, array in values.items()}
    given = given or [(slice(0, len(gid)), frozenset())]
    identify_streams(NOISE, np.array(gid), given, values, seed)
    return values


def test_every_stream_has_an_identity_of_its_own():
    values = identities([3, 3, 7])
    found = {
        tuple(values[f"{stream}__id{k}"][i] for k in (1, 2, 3)) for stream in "rs" for i in range(3)
    }
    assert len(found) == 6
    assert values["r__id1"].tolist() == [3, 3, 7]
    assert values["r__id3"].tolist() == [0, 1, 0]
    assert all((values[f"r__id{k}"] < 2**32).all() for k in (1, 2, 3))


def test_identities_do_not_depend_on_the_other_cells_of_a_rank():
    together, alone = identities([3, 3, 7]), identities([7])
    assert all(array[2] == alone[name][0] for name, array in together.items())


def test_a_user_sets_the_identity_of_an_instance():
    given = [(slice(0, 1), frozenset({"r__id2"})), (slice(1, 2), frozenset())]
    values = identities([5, 5], given, r__id2=[9, 0])
    assert [values[f"r__id{k}"][0] for k in (1, 2, 3)] == [0, 9, 0]
    assert values["r__id1"][1] == 5
    assert values["s__id1"].tolist() == [5, 5]


def test_the_seed_is_the_key_of_all():
    assert identities([1, 2], seed=11)["random__key"].tolist() == [11, 11]
