import pytest

from kernels.nmodl import loads
from kernels.nmodl.python import run
from kernels.nmodl.units import UnitError, UnitTable

#: What NEURON 9 puts into the code that it generates.
NEURONS = {
    "(faraday) (coulombs)": float.fromhex("0x1.78E555060882Cp16"),
    "(faraday) (10000 coulomb)": float.fromhex("0x1.34C0C8B92A9B7p3"),
    "(faraday) (kilocoulombs)": float.fromhex("0x1.81F0FAE775425p6"),
    "(k-mole) (joule/degC)": float.fromhex("0x1.0A1013E8990BEp3"),
    "(pi) (1)": float.fromhex("0x1.921FB54442D18p1"),
    "(mole) (1)": float.fromhex("0x1.FE185CA57C517p78"),
    "(e) (coulomb)": float.fromhex("0x1.7A4DA290C1653p-63"),
    "(planck) (joule-sec)": float.fromhex("0x1.B860BDE023111p-111"),
}


@pytest.mark.parametrize(("text", "value"), NEURONS.items(), ids=NEURONS)
def test_constants_are_those_of_neuron(text: str, value: float) -> None:
    mechanism = loads(
        f"NEURON {{ SUFFIX x }}\nUNITS {{ F = {text} }}\nASSIGNED {{ a }}\nINITIAL {{ a = F }}"
    )
    assert run(mechanism.init, {})["a"] == value


@pytest.mark.parametrize(
    ("source", "target", "factor"),
    [
        ("mA/cm2", "amp/meter2", 10.0),
        ("/mM-ms", "liter/mole-sec", 1e6),
        ("um3", "liter", 1e-15),
        ("megohm", "ohm", 1e6),
        ("microsiemens", "mho", 1e-6),
        ("mV", "volt", 1e-3),
        ("1|3 degC", "K", 1 / 3),
        ("milli/liter", "mM", 1.0),
    ],
)
def test_conversion(source: str, target: str, factor: float) -> None:
    table = UnitTable()
    table.define("molar", "1/liter")
    table.define("mM", "millimolar")
    if "mole" in target:
        table.define("mole", "1")
    assert table.convert(source, target) == pytest.approx(factor, rel=1e-14)


def test_own_definitions_come_first() -> None:
    table = UnitTable()
    table.define("mol", "1")
    assert table.convert("mol", "1") == 1.0


@pytest.mark.parametrize("text", ["furlong", "m99999", "a$b", "1|0 m"])
def test_unknown_units(text: str) -> None:
    with pytest.raises(UnitError):
        UnitTable().evaluate(text)


def test_a_unit_that_defines_itself() -> None:
    table = UnitTable()
    table.define("a", "2 b")
    table.define("b", "3 a")
    with pytest.raises(UnitError, match="defined by itself"):
        table.evaluate("a")
