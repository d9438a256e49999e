"""What the statements of a file become: solved equations, currents, events, dataflow."""

import ast
import dataclasses
import math

import pytest

from kernels.errors import KernelsError, NmodlError
from kernels.nmodl import loads
from kernels.single import single_block
from kernels.specialise import constants_of


def test_cnexp_is_exact_for_a_linear_equation(compile_density, execute) -> None:
    m = compile_density(
        "STATE { s }\nDERIVATIVE d { s' = a*(1 - s) - b*s }\nBREAKPOINT { SOLVE d METHOD cnexp }",
        "PARAMETER { a = 0.3 b = 0.2 }",
    )
    s = execute(m, m.state, s=0.9, dt=0.7)["s"]
    assert s == pytest.approx(0.6 + (0.9 - 0.6) * math.exp(-0.7 * 0.5), rel=1e-15)


@pytest.mark.parametrize(
    ("rate", "expected"),
    [
        ("(r - s)/tau", lambda s: 2 + (s - 2) * math.exp(-0.1 / 5)),
        ("(r - s)/tau*3", lambda s: 2 + (s - 2) * math.exp(-0.3 / 5)),
        ("-s/tau", lambda s: s * math.exp(-0.1 / 5)),
        ("r", lambda s: s + 0.1 * 2),
        ("r - s", lambda s: 2 + (s - 2) * math.exp(-0.1)),
        ("(s - r)*(-1/tau) + 1", lambda s: 7 + (s - 7) * math.exp(-0.1 / 5)),
        ("-(10*r)*(r/tau) - (s - r)/tau", lambda s: -38 + (s + 38) * math.exp(-0.1 / 5)),
    ],
)
def test_cnexp_forms(compile_density, execute, rate: str, expected) -> None:
    m = compile_density(
        f"STATE {{ s }}\nDERIVATIVE d {{ s' = {rate} }}\nBREAKPOINT {{ SOLVE d METHOD cnexp }}",
        "PARAMETER { tau = 5 r = 2 }",
    )
    assert execute(m, m.state, s=0.5, dt=0.1)["s"] == pytest.approx(expected(0.5), rel=1e-14)


def test_cnexp_divides_little(compile_density) -> None:
    m = compile_density(
        "STATE { s }\nDERIVATIVE d { s' = (inf - s)/tau }\nBREAKPOINT { SOLVE d METHOD cnexp }",
        "PARAMETER { inf = 1 }\nASSIGNED { tau }",
    )
    assert _count(m.state.body, ast.Div) == 1


def test_cnexp_equations_follow_the_text_and_intermediates_lag(compile_density, execute) -> None:
    m = compile_density(
        "STATE { s q }\nDERIVATIVE d { y = 2*s  s' = y - s  q' = s }\n"
        "BREAKPOINT { SOLVE d METHOD cnexp }",
        "ASSIGNED { y }",
    )
    after = execute(m, m.state, s=1.0, q=0.0, dt=0.5)
    s = 2 + (1 - 2) * math.exp(-0.5)  # y stays 2
    assert after["s"] == pytest.approx(s, rel=1e-15)
    assert after["q"] == pytest.approx(0.5 * s, rel=1e-15)  # the new s


def test_cnexp_of_a_nonlinear_equation_is_implicit(compile_density, execute) -> None:
    m = compile_density(
        "STATE { s }\nDERIVATIVE d { s' = 1 - s*s }\nBREAKPOINT { SOLVE d METHOD cnexp }"
    )
    s = execute(m, m.state, s=0.3, dt=0.1)["s"]
    assert s - 0.3 - 0.1 * (1 - s * s) == pytest.approx(0, abs=1e-15)


def test_derivimplicit_solves_coupled_equations(compile_density, execute) -> None:
    m = compile_density(
        "STATE { s q }\nDERIVATIVE d { LOCAL z z = exp(-s)*q s' = z - s q' = s*q - 2*q }\n"
        "BREAKPOINT { SOLVE d METHOD derivimplicit }"
    )
    x = execute(m, m.state, s=0.3, q=0.8, dt=0.2)
    s, q = x["s"], x["q"]
    assert s - 0.3 - 0.2 * (math.exp(-s) * q - s) == pytest.approx(0, abs=1e-14)
    assert q - 0.8 - 0.2 * (s * q - 2 * q) == pytest.approx(0, abs=1e-14)


def test_euler_uses_old_states(compile_density, execute) -> None:
    m = compile_density(
        "STATE { s q }\nDERIVATIVE d { s' = q q' = -s }\nBREAKPOINT { SOLVE d METHOD euler }"
    )
    x = execute(m, m.state, s=1.0, q=2.0, dt=0.1)
    assert (x["s"], x["q"]) == (1.2, 1.9)


def test_procedure_without_method(compile_density, execute) -> None:
    m = compile_density(
        "STATE { s }\nPROCEDURE step() { s = s + dt*(1 - s) }\nBREAKPOINT { SOLVE step }"
    )
    assert execute(m, m.state, s=0.0, dt=0.5)["s"] == 0.5


SCHEME = """
STATE {{ c o q }}
KINETIC k {{ ~ c <-> o (3, 1) ~ o <-> q (0.5, 0.2) {} }}
INITIAL {{ c = 1 }}
BREAKPOINT {{ SOLVE k METHOD sparse }}
"""


@pytest.mark.parametrize("named", ["c + o + q", "o + q + c", "q + c + o"])
def test_conserve_replaces_the_state_named_last(compile_density, execute, named: str) -> None:
    m = compile_density(SCHEME.format(f"CONSERVE {named} = 1"))
    old = {"c": 0.5, "o": 0.25, "q": 0.5}  # sums to 1.25: the replaced equation shows
    x = execute(m, m.state, dt=0.1, **old)
    c, o, q = x["c"], x["o"], x["q"]
    fluxes = {"c": o - 3 * c, "o": 3 * c - o - 0.5 * o + 0.2 * q, "q": 0.5 * o - 0.2 * q}
    for state, flux in fluxes.items():
        left = x[state] - old[state] - 0.1 * flux
        if state == named[-1]:
            assert c + o + q == pytest.approx(1, abs=1e-15)
            assert abs(left) > 0.1
        else:
            assert left == pytest.approx(0, abs=1e-15)


def test_steadystate_is_the_kernel_of_the_rates(compile_density, execute) -> None:
    m = compile_density(
        SCHEME.format("CONSERVE c + o + q = 1").replace("c = 1", "SOLVE k STEADYSTATE sparse")
    )
    x = execute(m, m.init)
    weights = [1, 3, 7.5]
    for state, weight in zip("coq", weights, strict=True):
        assert x[state] == pytest.approx(weight / sum(weights), rel=1e-8)


def test_second_order_reaction_conserves(compile_density, execute) -> None:
    m = compile_density(
        "STATE { a b ab }\nKINETIC k { ~ a + b <-> ab (2, 0.1) ~ a << (0.5) }\n"
        "BREAKPOINT { SOLVE k METHOD sparse }"
    )
    x = execute(m, m.state, a=1.0, b=2.0, ab=0.0, dt=0.2)
    flux = 2 * x["a"] * x["b"] - 0.1 * x["ab"]
    assert x["ab"] == pytest.approx(0.2 * flux, rel=1e-12)
    assert x["b"] == pytest.approx(2 - 0.2 * flux, rel=1e-12)
    assert x["a"] == pytest.approx(1 - 0.2 * flux + 0.2 * 0.5, rel=1e-12)


def test_compartments_weigh_and_fluxes_are_known(compile_density, execute) -> None:
    m = compile_density(
        "STATE { a b }\nKINETIC k { COMPARTMENT 4 {a} ~ a <-> b (2, 1) f = f_flux - b_flux }\n"
        "BREAKPOINT { SOLVE k METHOD sparse }",
        "ASSIGNED { f }",
    )
    x = execute(m, m.state, a=1.0, b=0.0, dt=0.1)
    assert x["f"] == pytest.approx(2 * x["a"] - x["b"], rel=1e-14)
    assert 4 * (x["a"] - 1) == pytest.approx(-0.1 * x["f"], rel=1e-14)
    assert x["b"] == pytest.approx(0.1 * x["f"], rel=1e-14)


def test_linear_block_needs_pivots_off_the_diagonal(compile_density, execute) -> None:
    m = compile_density(
        "STATE { s q r }\nLINEAR l { ~ q + r = 5 ~ s + r = 4 ~ s + q = a }\nINITIAL { SOLVE l }",
        "PARAMETER { a = 3 }",
    )
    x = execute(m, m.init)
    assert [x[n] for n in "sqr"] == pytest.approx([1, 2, 3], rel=1e-15)


GHK = """
FUNCTION ghk(v, ci, co) {
    LOCAL z
    z = 0.08*v
    ghk = co*efun(z) - ci*efun(-z)
}
FUNCTION efun(z) { if (fabs(z) < 1e-4) { efun = 1 - z/2 } else { efun = z/(exp(z) - 1) } }
"""


@pytest.mark.parametrize(
    ("body", "affine"),
    [
        ("i = g*(v - 3)", True),
        ("i = g*m*m*h*(v - 3) + 2*v", True),
        ("LOCAL a, b a = v - 3 b = g*a i = b*2", True),
        ("if (g > 1) { i = g*v } else { i = -v }", True),
        ("i = g*v*v", False),
        ("if (v > 0) { i = g*v } else { i = -v }", False),
        ("i = g*ghk(v, 0.1, 2)", False),
        ("i = g*(v - 3)/(1 + exp(-0.06*v))", False),
    ],
)
@pytest.mark.parametrize("v", [-71.0, -3.3, 24.0])
def test_conductance(compile_density, execute, body: str, affine: bool, v: float) -> None:
    m = compile_density(
        "STATE { m h }\n" + GHK + f"BREAKPOINT {{ {body} }}", "PARAMETER { g = 1.7 }"
    )
    assert m.affine is affine
    values = {"m": 0.3, "h": 0.6}
    x = execute(m, m.current, v=v, **values)
    high, low = (execute(m, m.current, v=v + d, **values)["_i"] for d in (0.001, 0.0))
    assert x["_i"] == x["i"]
    assert x["_g"] == pytest.approx((high - low) / 0.001, rel=1e-8 if affine else 1e-9)


def test_total_current_counts_electrodes_inward(execute) -> None:
    m = loads(
        "NEURON { POINT_PROCESS x NONSPECIFIC_CURRENT i, j ELECTRODE_CURRENT k USEION na READ ena "
        "WRITE ina }\nASSIGNED { v i j k ina ena }\n"
        "BREAKPOINT { i = v j = 2*v k = 4*v ina = 8*(v - ena) }"
    )
    x = execute(m, m.current, v=1.0, ena=50.0)
    assert x["_i"] == pytest.approx(1 + 2 - 4 + 8 * (1 - 50))
    assert x["_g"] == pytest.approx(1 + 2 - 4 + 8)
    assert {c.name: (c.ion, c.electrode) for c in m.currents} == {
        "ina": ("na", False), "i": (None, False), "j": (None, False), "k": (None, True),
    }  # fmt: skip


def test_voltage_set_in_code_is_a_copy(compile_density, execute) -> None:
    m = compile_density(
        "PROCEDURE p() { v = v + 10 a = v v = v - 10 }\nBREAKPOINT { p() i = v }", "ASSIGNED { a }"
    )
    x = execute(m, m.current, v=-65.0)
    assert (x["a"], x["i"], x["v"]) == (-55.0, -65.0, -65.0)
    assert "v" not in m.current.stores


def test_kinds_of_names() -> None:
    m = loads(
        """
        NEURON { SUFFIX x USEION ca READ cai, ica WRITE cai RANGE g, b GLOBAL inf, q }
        PARAMETER { g = 2 (S/cm2) q = 3 r = 4 set = 5 v celsius = 6.3 }
        ASSIGNED { inf b cai ica v }
        STATE { s cai }
        INITIAL { inf = q*r set = 1 }
        """
    )
    assert set(m.parameters) == {"g", "set"}
    assert m.parameters["g"].unit == "S/cm2" and m.parameters["set"].default == 5
    assert set(m.globals) == {"q", "r"}
    assert set(m.assigned) == {"inf", "b"}
    assert set(m.states) == {"s"}
    assert m.ions[0].reads == {"ci", "i"} and m.ions[0].writes == {"ci"}
    assert "q" in m.init.loads and "inf" in m.init.stores


def test_states_start_at_state0(execute) -> None:
    m = loads("NEURON { SUFFIX x }\nPARAMETER { s0 = 0.5 }\nSTATE { s q START 2 }\nINITIAL { }")
    x = execute(m, m.init)
    assert (x["s"], x["q"]) == (0.5, 2.0)


def test_defaults_have_six_digits_as_in_neuron() -> None:
    m = loads("NEURON { SUFFIX x RANGE a }\nPARAMETER { a = 15.87301587302 b = -1.23456789e-7 }")
    assert (m.parameters["a"].default, m.globals["b"].default) == (15.873, -1.23457e-7)


def test_loads_take_branches_into_account(compile_density) -> None:
    m = compile_density(
        "BREAKPOINT { if (v > 0) { a = 1 } b = a c = 2 d = c i = 0 }", "ASSIGNED { a b c d }"
    )
    assert set(m.current.loads) == {"a", "v"}
    assert set(m.current.stores) == {"a", "b", "c", "d", "i"}


def test_keywords_of_python_and_names_of_functions_get_an_underscore(compile_density) -> None:
    m = compile_density("BREAKPOINT { i = lambda*max + _x }", "PARAMETER { lambda max _x }")
    assert set(m.globals) == {"lambda_", "max_", "x_x"}


def test_net_receive(execute) -> None:
    m = loads(
        """
        NEURON { POINT_PROCESS x RANGE w }
        PARAMETER { w = 7 u0 = 0.5 }
        STATE { g }
        NET_RECEIVE (w, u, last) {
            INITIAL { u = u0 last = t }
            if (w <= 0) { VERBATIM return; ENDVERBATIM }
            if (flag == 0) { u = u*exp(-(t - last)) g = g + w*u net_send(1.5, 2) }
            else { net_event(t) net_move(t + 1) }
            last = t
        }
        """
    )
    assert m.receive is not None and m.receive_init is not None
    weight, u, last = m.receive.args
    assert weight != "w"  # the argument hides the variable of the same name
    assert execute(m, m.receive_init, t=3.0)[last] == 3.0

    from kernels.nmodl.python import run

    sent: list[tuple] = []
    calls = {
        n: (lambda *a, n=n: sent.append((n, *a))) for n in ("net_send", "net_event", "net_move")
    }
    x = {weight: 2.0, u: 0.5, last: 3.0, "g": 1.0, "t": 4.0, "flag": 0.0}
    x = run(m.receive, x, calls)
    assert x["g"] == pytest.approx(1 + 2 * 0.5 * math.exp(-1)) and x[last] == 4.0
    assert sent == [("net_send", 1.5, 2.0)]
    run(m.receive, {**x, "flag": 2.0, "t": 5.5}, calls)
    assert sent[1:] == [("net_event", 5.5), ("net_move", 6.5)]
    unchanged = run(m.receive, {**x, weight: -1.0, "t": 9.0}, calls)
    assert unchanged[last] == 4.0 and len(sent) == 3
    assert {"g", u, last} <= set(m.receive.stores) and {"g", u, last} <= set(m.receive.loads)


def test_arrays_and_loops(compile_density, execute) -> None:
    m = compile_density(
        "DEFINE N 4\nINITIAL { LOCAL k, w[N] FROM j = 0 TO N-1 { w[j] = j*j a[j] = w[j] + 1 } "
        "k = 0 while (k < 3) { k = k + 1 } b = a[2] + k }",
        "ASSIGNED { a[4] b }",
    )
    assert execute(m, m.init)["b"] == 8.0


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("2^10", 1024.0), ("x^3", 27.0), ("x^-2", 1 / 9), ("x^0", 1.0), ("x^0.5", 3**0.5),
        ("2^x", 8.0), ("(x > 2) + (x < 2)*4", 1.0), ("!x", 0.0), ("x >= 3 && x != 4", 1.0),
        ("fmod(7, x) + floor(2.5) - fabs(-x)", 0.0), ("1/2", 0.5), ("-x^2", -9.0),
    ],
)  # fmt: skip
def test_expressions(compile_density, execute, expression: str, value: float) -> None:
    m = compile_density(f"INITIAL {{ a = {expression} }}", "PARAMETER { x = 3 }\nASSIGNED { a }")
    assert execute(m, m.init)["a"] == pytest.approx(value, rel=1e-15)


def _count(body, kind: type) -> int:
    return sum(isinstance(n, kind) for s in body for n in ast.walk(s))


def test_a_solve_inside_an_if_runs_every_step(compile_density, execute):
    body = "BREAKPOINT { if (v > 0) { SOLVE s METHOD cnexp } i = m }\nDERIVATIVE s { m' = -m }"
    made = compile_density(body, "STATE { m }")
    assert execute(made, made.state, m=1.0, v=-65.0)["m"] < 1.0


def test_a_constant_that_code_sets_is_a_variable(compile_density, execute):
    made = compile_density("INITIAL { k = k + 1  i = k }", "CONSTANT { k = 3.125 }")
    assert execute(made, made.init)["i"] == 4.125


def test_a_scheme_of_many_states(compile_density, execute):
    n = 90
    body = f"""
DEFINE N {n}
BREAKPOINT {{ SOLVE scheme METHOD sparse }}
KINETIC scheme {{
    FROM k = 0 TO N - 2 {{ ~ c[k] <-> c[k+1] (2, 3) }}
    ~ c[0] + c[N-1] <-> d (0.1, 0.2)
}}"""
    made = compile_density(body.replace(f"DEFINE N {n}", ""), f"DEFINE N {n}\nSTATE {{ c[N] d }}")
    first = {f"c_{k}_": 1.0 + k % 3 for k in range(n)} | {"d": 0.5}
    done = execute(made, made.state, **first)
    amounts = [sum(x[f"c_{k}_"] for k in range(n)) + 2 * x["d"] for x in (first, done)]
    assert amounts[1] == pytest.approx(amounts[0], rel=1e-13)
    assert done["c_3_"] != first["c_3_"]


CHOICE = "DERIVATIVE s { if (v > -60) { a' = 1 - a } else { a' = -a/4 } b' = a }"


@pytest.mark.parametrize("v", [-70.0, -50.0])
def test_equations_in_branches(compile_density, execute, v):
    def run(method: str) -> tuple[float, float]:
        body = f"BREAKPOINT {{ SOLVE s METHOD {method} }}\n{CHOICE}"
        made = compile_density(body, "STATE { a b }")
        done = execute(made, made.state, v=v, dt=0.1, a=0.4)
        return done["a"], done["b"]

    slope = 0.6 if v > -60 else -0.1
    assert run("euler") == pytest.approx((0.4 + 2 * 0.1 * slope, 0.04))
    rate, rest = (1.0, 1.0) if v > -60 else (0.25, 0.0)
    implicit = (0.4 + 0.1 * rate * rest) / (1 + 0.1 * rate)
    assert run("derivimplicit") == pytest.approx((implicit, 0.1 * implicit))
    with pytest.raises(NmodlError, match="runge needs one equation a state"):
        run("runge")


def test_an_external_has_the_value_of_the_settings_or_is_refused() -> None:
    m = loads(
        "NEURON { SUFFIX E EXTERNAL far_Other, unused RANGE x } ASSIGNED { x }\n"
        "INITIAL { x = 2*far_Other }"
    )
    assert m.externals == ("far_Other",)
    block = single_block(m)
    given = dataclasses.replace(block, globals={("E", "far_Other"): 3.5})
    assert constants_of(given, m)["far_Other"] == 3.5
    with pytest.raises(KernelsError, match="mechanism E: EXTERNAL far_Other has no value"):
        constants_of(dataclasses.replace(block, globals={}), m)
    with pytest.raises(NmodlError, match="far_Other cannot be set"):
        loads("NEURON { SUFFIX E EXTERNAL far_Other }\nINITIAL { far_Other = 2 }")
