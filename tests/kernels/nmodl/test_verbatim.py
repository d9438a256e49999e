"""C in VERBATIM blocks: what is understood, and that nothing else passes."""

from __future__ import annotations

import ast

import numpy as np
import pytest

from kernels import Instances, make_engine
from kernels.errors import NmodlError
from kernels.intrinsics import philox_uniform
from kernels.mechanism import Mechanism
from kernels.nmodl import loads, parse
from kernels.nmodl.c_routines import left_out
from kernels.nmodl.python import run

HEAD = "NEURON { POINT_PROCESS X POINTER rng, other RANGE a, b, n }\nASSIGNED { a b n w[3] rng }\n"


def initial(code: str, head: str = HEAD, rest: str = "", **values: float) -> dict[str, float]:
    """Run an INITIAL block that holds this C."""
    text = f"{head}INITIAL {{\nVERBATIM\n{code}\nENDVERBATIM\n}}\n{rest}"
    return run_initial(loads(text), **values)


def run_initial(mechanism: Mechanism, **values: float) -> dict[str, float]:
    space = {n: x.default for n, x in mechanism.variables().items()}
    return run(mechanism.init, {**space, "t": 0.0, "dt": 0.025, **values})


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("a = 1.5; b = a*2;", 3.0),
        ("double x = 7; int i = x/2; b = i;", 3.0),
        ("b = 7/2;", 3.0),
        ("b = -7/2;", -3.0),
        ("b = (int)-2.7;", -2.0),
        ("b = 7 % 4;", 3.0),
        ("b = 3; b += 2; b *= 4; b -= 1;", 19.0),
        ("int i; b = 0; for (i = 0; i < 5; i++) b += i;", 10.0),
        ("int i; b = 0; for (i = 0; i < 9; ++i) { if (i == 4) break; b += i; } b += 10*i;", 46.0),
        ("b = 0; do { b += 1; } while (b < 6);", 6.0),
        ("b = 0; while (b < 2.5) b++;", 3.0),
        ("b = (a > 0 || n < 1) ? 4 : 5;", 4.0),
        ("if (!a && 1) b = 1; else b = 2;", 1.0),
        ("w[1] = 6; b = w[1];", 6.0),
        ("static double c[3] = {1.5, -2.5, 4}; int j; b = 0; for (j=0;j<3;j++) b += c[j];", 3.0),
        ("#ifdef CORENEURON_BUILD\nb = 1;\n#else\nb = 2;\n#endif", 2.0),
        ("#if !NRNBBCORE && defined(NRN_VERSION_GTEQ_8_2_0)\nb = 1;\n#endif", 1.0),
        ("#define twice(x) ((x)*2)\n#define five 5\nb = twice(five + 1);", 12.0),
        ('// b = 1;\nb = 2; /* b = 3; */ printf("%g", b);', 2.0),
        ("if (ifarg(1)) { b = *getarg(1); } else { b = 8; }", 8.0),
        ("b = fabs(-3.0) + pow(2., 3);", 11.0),
        ("int i; b = 0; for (i = 0; i < 6; i++) { if (i == 2) continue; b += i; }", 13.0),
        (
            "int i = 0; b = 0; while (1) { i++; if (i == 3) continue; if (i > 5) break; b += i; }",
            12.0,
        ),
        ("int i = 0; b = 0; do { if (++i < 3) continue; b += i; } while (i < 5);", 12.0),
        ("int i = 0; b = 0; while (i++ < 4) b += i; b += 100*i;", 510.0),
        ("int i = 2, j; j = i++; i++; b = 10*j + i; b += (n = 5) + n;", 34.0),
        (
            "switch (2) { case 1: b = 1; break; case 2: b = 2; case 3: b += 5; break;"
            " default: b = 9; }",
            7.0,
        ),
        ("switch ((int)a) { case 4: b = 4; break; default: b = 8; case 7: b++; }", 9.0),
        (
            "int i; b = 0; for (i = 0; i < 4; i++) { switch (i) { case 1: b += 10; break; } b++; }",
            14.0,
        ),
        ("int i = 13; b = (i & 6) + 100*(i | 2) + 10000*(i ^ 5);", 81504.0),
        ("int i = 13; b = (i << 2) + (i >> 1) + ~i; i &= 4; b += i; i <<= 3; b += i;", 80.0),
        ("double q[4]; int i; for (i = 0; i < 4; i++) q[i] = i*i; b = q[2] + q[3];", 13.0),
        ("kept += 3; table[2] = kept; b = table[2] + table[0];", 5.0),
        ("int i; for (i = 0; i < 9; i++) { b = i; if (i > 4) return; } b = 0;", 5.0),
        (
            "b = log1p(1e-10)*1e10 + erf(0.5) + fmax(a, secondorder);",
            0.9999999999499999 + 0.5204998778130465,
        ),
        ("double c[3], d[2] = {4}; int j; for (j=0;j<3;j++) c[j] = j*d[0]; b = c[2] + d[1];", 8.0),
        ("int c[2]; c[1] = 7/2.; b = c[1];", 3.0),
        ("static double c[4]; c[2] += 3; b = c[2] + c[1];", 3.0),
        ("outer += 2; b = outer + limits[1] + wide[0];", 24.0),
        (
            "#if NRN_VERSION_EQ(8, 2, 0) || !NRN_VERSION_GT(9,0,0)\nb = 1;\n#else\nb = 2;\n#endif",
            2.0,
        ),
        ("#if NRN_VERSION_LT(42, 1, 2)\nb = 1;\n#endif", 1.0),
        (
            "void** vv = (void**)(&other); double* x; int n = vector_instance_px(*vv, &x);"
            " b = 3; if (n > 2) { b = x[2]; }",
            3.0,
        ),
        ("u_int32_t k = 7; b = (own*)0 ? 1 : 2; b += k/2;", 5.0),
        ("b = (a)*3 + (n) + 2;", 2.0),
        ("int k = 0; for (;;) { k++; if (k > 3) { b = k; return; } }", 4.0),
        ("if (_nt != nrn_threads) { b = 1; } else { b = 2; }", 2.0),
        ("b = square(3.0); if (b > 8) { return; } b = 0;", 9.0),
    ],
)
def test_c_computes_what_c_means(code, expected):
    rest = """VERBATIM
    extern int foreign, secondorder;
    typedef struct { int n; } Pair;
    static Pair *pairs;
    int prototype(int k);
    static int outer = 7, kept = 2;
    static const double limits[2] = {2, 15};
    double wide[3], table[3];
    static double square(double x) { double y = x; return y*x; }
    ENDVERBATIM"""
    assert initial(code, rest=rest)["b"] == pytest.approx(expected, rel=1e-15)


def test_statements_of_nmodl_stand_inside_of_c():
    text = f"""{HEAD}
    INITIAL {{
    VERBATIM
        int k = 3;
        if (k > 2) {{
    ENDVERBATIM
            a = 2*k
    VERBATIM
        }}
    #if NRNBBCORE
    ENDVERBATIM
        b = 1
    VERBATIM
    #endif
    ENDVERBATIM
        n = a + 1
    }}"""
    found = run_initial(loads(text))
    assert (found["a"], found["b"], found["n"]) == (6.0, 0.0, 7.0)


STREAM = """
NEURON { POINT_PROCESS X BBCOREPOINTER rng RANGE a, b }
ASSIGNED { a b usingR123 rng }
INITIAL {
    VERBATIM
    if (usingR123) { nrnran123_setseq((nrnran123_State*)_p_rng, 0, 0); }
    nrnran123_setseq((nrnran123_State*)_p_rng, 2, 1);
    ENDVERBATIM
    a = urand()
    b = erand()
}
PROCEDURE setRNG() {
VERBATIM
    nrnran123_State** pv = (nrnran123_State**)(&_p_rng);
    *pv = nrnran123_newstream3((uint32_t)*getarg(1), 0, 0);
    usingR123 = 1;
ENDVERBATIM
}
FUNCTION urand() {
VERBATIM
    double value;
    if (usingR123) {
        value = nrnran123_dblpick((nrnran123_State*)_p_rng);
    } else if (_p_rng) {
        value = nrn_random_pick(RANDCAST _p_rng);
    } else {
        value = 0.0;
    }
    _lurand = value;
ENDVERBATIM
}
FUNCTION erand() {
VERBATIM
    if (_p_rng) { _lerand = nrn_random_pick((Rand*)_p_rng); } else { hoc_execerror("none", 0); }
    return _lerand;
ENDVERBATIM
}
VERBATIM
static void bbcore_write(double* x, int* d, int* xx, int* offset, _threadargsproto_) {
    if (d) { char which; nrnran123_getseq(*(nrnran123_State**)(&_p_rng), d+3, &which), d[4] = 1; }
}
#define RANDCAST
ENDVERBATIM
"""


def test_a_pointer_to_a_generator_becomes_a_stream():
    mechanism = loads(STREAM)
    assert mechanism.streams == ("rng",)
    ids = {"rng__id1": 4.0, "rng__id2": 5.0, "rng__id3": 6.0}
    found = run_initial(mechanism, **ids)
    assert found["a"] == philox_uniform(4.0, 5.0, 6.0, 0.0, 9.0)
    expected = -np.log(philox_uniform(4.0, 5.0, 6.0, 0.0, 10.0))
    np.testing.assert_allclose(found["b"], expected, rtol=1e-15)


PLAYER = """
NEURON { ARTIFICIAL_CELL Player POINTER ptr }
ASSIGNED { index etime (ms) space }
INITIAL {
    index = 0
    element()
    if (index > 0) { net_send(etime - t, 1) }
}
NET_RECEIVE (w) {
    if (flag == 1) {
        net_event(t)
        element()
        if (index > 0) { net_send(etime - t, 1) }
    }
}
DESTRUCTOR {
VERBATIM
    void* vv = (void*)(&space);
    if (vv) { hoc_obj_unref(*vector_pobj(vv)); }
ENDVERBATIM
}
PROCEDURE element() {
VERBATIM
  { void* vv; int i, size; double* px;
    i = (int)index;
    if (i >= 0) {
        vv = *((void**)(&space));
        if (vv) {
            size = vector_capacity(vv);
            px = vector_vec(vv);
            if (i < size) {
                etime = px[i];
                index += 1.;
            } else {
                index = -1.;
            }
        } else {
            index = -1.;
        }
    }
  }
ENDVERBATIM
}
PROCEDURE play() {
VERBATIM
    void** vv;
    vv = (void**)(&space);
    *vv = (void*)0;
    if (ifarg(1)) { *vv = vector_arg(1); }
ENDVERBATIM
}
"""


@pytest.mark.parametrize("backend", ["cpu", "reference"])
def test_a_player_of_a_vector_plays_the_train(blocks, backend):
    times = np.array([0.3, 0.3, 1.1])
    none = np.zeros(1, np.int32)
    player = Instances(loads(PLAYER), none - 1, none, {}, (times,))
    block = blocks.simple([player], n_cell=0, sources=[(-1, 0, 0)])
    found = blocks.advance(make_engine(block, backend), blocks.no_events(), 60, 30).spikes
    np.testing.assert_allclose(found.time, times, rtol=1e-15)


def test_variables_of_a_file_are_kept_by_the_instance():
    outside = "VERBATIM\nstatic int count = 3, unused;\nENDVERBATIM\n"
    mechanism = loads(f"{HEAD}{outside}INITIAL {{\nVERBATIM\ncount++; a = count;\nENDVERBATIM\n}}")
    kept = [name for name in mechanism.parameters if name.endswith("count")]
    assert len(kept) == 1 and mechanism.parameters[kept[0]].default == 3.0
    assert not any("unused" in name for name in mechanism.variables())
    assert run_initial(mechanism)["a"] == 4.0


def test_constant_arrays_cannot_be_set():
    with pytest.raises(NmodlError, match="begins with zeros"):
        initial("static double c[2] = {1, 2}; c[0] = 3; b = c[0];")


@pytest.mark.parametrize(
    ("code", "low", "high", "whole"),
    [
        ("b = drand48();", 0.0, 1.0, False),
        ("b = rand();", 0.0, 2.0**31, True),
        ("b = rand()/(double)RAND_MAX;", 0.0, 1.0, False),
        ("b = random() % 5;", 0.0, 5.0, True),
        (
            "unsigned int k = 3; double y; mcell_ran4(&k, &y, 1, 4.); b = y + 10*k;",
            40.0,
            44.0,
            False,
        ),
        ("unsigned int k = 3; b = nrnRan4int(&k, 2);", 0.0, 2.0**32, True),
    ],
)
def test_generators_of_c_draw_from_the_stream_of_the_instance(code, low, high, whole):
    drawn = [initial(code, random__id1=float(k))["b"] for k in range(5)]
    assert all(low <= value < high for value in drawn)
    assert all((value == int(value)) is whole for value in drawn)
    assert len(set(drawn)) > 1


def test_seeds_of_c_restart_the_stream_and_clocks_do_not():
    again = initial("srand48(7); a = drand48(); srand48(7); b = drand48();")
    assert again["a"] == again["b"]
    clock = initial("a = drand48(); srand(time(NULL)); b = drand48();")
    assert clock["a"] == philox_uniform(0, 0, 0, 0, 0)
    assert clock["b"] == philox_uniform(0, 0, 0, 0, 1)
    same = "unsigned int k = 5; double y; mcell_ran4(&k, &y, 1, 1.); a = y; k = 5;"
    drawn = initial(f"{same} mcell_ran4(&k, &y, 1, 1.); b = y;")
    assert drawn["a"] == drawn["b"]


def test_a_new_stream_of_c_begins_with_its_identity():
    head = HEAD.replace("rng, other", "ptr")
    code = "USE; if (*vp) { nrnran123_deletestream(*vp); } *vp = nrnran123_newstream(3, (int) 4.5);"
    code += "a = nrnran123_dblpick(*vp); b = nrnran123_dblpick(*vp);"
    outside = "VERBATIM\n#define USE void** vp = (void**)(&(_p_ptr))\nENDVERBATIM"
    found = initial(code, head.replace("w[3] rng", "w[3] ptr"), outside)
    assert (found["a"], found["b"]) == tuple(philox_uniform(3, 4, 0, 0, k) for k in range(2))


def test_events_of_c_are_events():
    code = "if (_lflag == 1) { net_event(_pnt, t); net_send(_tqitem, _args, _pnt, t + 3, 1.0); }"
    text = f"NEURON {{ ARTIFICIAL_CELL X }}\nNET_RECEIVE (w) {{\nVERBATIM\n{code}\nENDVERBATIM\n}}"
    body = loads(text).receive.body
    calls = [n.func.id for s in body for n in ast.walk(s) if isinstance(n, ast.Call)]
    assert calls == ["net_event", "net_send"]


def test_static_variables_are_kept_by_the_instance():
    text = f"{HEAD}FUNCTION f() {{\nVERBATIM\nstatic int k = -3; k++; return k;\nENDVERBATIM\n}}\n"
    mechanism = loads(text + "INITIAL { a = f() b = f() }")
    found = run_initial(mechanism)
    assert (found["a"], found["b"]) == (-2.0, -1.0)
    assert mechanism.parameters["f_k"].default == -3.0


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("b = system(1);", "the function system is not supported"),
        ("b = unknown;", "unknown is not declared"),
        ("double* p = &w[1]; b = *p;", "address of a variable"),
        ("if (a && b++) { b = 1; }", "a change behind && is not supported"),
        ("goto end;", 'expected ";"'),
        ("b = 1", None),
        ("if (a > 1 { b = 1; }", 'expected "\\)"'),
        ("while (1) { b += 1; }", "this condition of a loop"),
        ("FILE* f = fopen(1); b = 1;", "fopen is not supported"),
        ("b = nt->_t;", "nt->|_t|nt"),
        ("#if FOO(3)\n#endif", "is not understood|not supported"),
    ],
)
def test_what_is_not_understood_is_refused_at_its_place(code, message):
    if message is None:
        assert initial(code)["b"] == 1.0
        return
    with pytest.raises(NmodlError, match=message) as caught:
        initial(code)
    assert caught.value.line == 5


def test_a_file_of_tools_for_hoc_is_a_mechanism_that_does_nothing():
    tools = """NEURON { SUFFIX nothing GLOBAL INSTALLED }
    PARAMETER { INSTALLED = 0 }
    VERBATIM
    #if COUNT(3) > 2
    #endif
    static double mean(xs, n) double* xs; int n; { return xs[n - 1]/n; }
    ENDVERBATIM
    PROCEDURE install() {
    VERBATIM
    install_vector_method("mean", mean);
    ENDVERBATIM
    }
    """
    mechanism = loads(tools)
    assert all(kernel.body == () for kernel in mechanism.kernels().values())
    assert left_out(parse(tools)) == ("install",)
    with pytest.raises(NmodlError, match="COUNT"):
        loads(tools + "INITIAL {\nVERBATIM\nINSTALLED = 1;\nENDVERBATIM\n}")


def test_c_that_is_never_reached_is_not_read():
    initial("b = 1;", rest="PROCEDURE hoc_only() {\nVERBATIM\n@ strange $ C\nENDVERBATIM\n}\n")


def test_constructors_run_before_the_initial_block():
    text = HEAD + "CONSTRUCTOR {\nVERBATIM\nif (ifarg(1)) { a = 1; }\nENDVERBATIM\n}\n"
    loads(text)
    made = loads(text.replace("ifarg(1)", "b == 0"))
    assert run_initial(made)["a"] == 1.0
    with pytest.raises(NmodlError, match="CONSTRUCTOR sets the PARAMETER b"):
        loads(text.replace("ifarg(1)", "a == 0").replace("a = 1", "b = 1") + "PARAMETER { b = 3 }")


def test_macros_cannot_grow_without_end():
    lines = [f"#define m{k} m{k + 1} + m{k + 1}" for k in range(18)]
    with pytest.raises(NmodlError, match="macros give more than"):
        initial("\n".join([*lines, "#define m18 1", "b = m0;"]))


def test_addresses_arguments_and_locals_of_the_file():
    text = """
NEURON { POINT_PROCESS X POINTER far RANGE near, a }
ASSIGNED { a far near }
LOCAL top
FUNCTION f(x, y) {
VERBATIM
    double* p = &near; double* q = _p_far; double d = 2; double* e = &d;
    *p = 3; *e += 1; _ztop = 7;
    return *getarg(2) + *p + *e*10 + _ztop*100 + (*q)*1000;
ENDVERBATIM
}
INITIAL { a = f(1, 5) }
"""
    assert run_initial(loads(text), far=2.0)["a"] == 2738.0
