import math

from kernels.nmodl import load, loads
from kernels.nmodl.python import run


def test_division_is_that_of_ieee() -> None:
    m = loads("NEURON { SUFFIX x }\nASSIGNED { a b c v }\nINITIAL { a = 1/v b = -1/v c = v/v }")
    found = run(m.init, {"v": 0.0})
    assert found["a"] == math.inf and found["b"] == -math.inf and math.isnan(found["c"])


def test_functions_that_the_caller_serves() -> None:
    m = loads("NEURON { ARTIFICIAL_CELL x }\nASSIGNED { a }\nINITIAL { a = train(2) }")
    assert run(m.init, {}, {"train": lambda i: 10 * i})["a"] == 20.0


def test_old_files_are_latin_1(tmp_path) -> None:
    path = tmp_path / "x.mod"
    path.write_bytes(b"NEURON { SUFFIX x }\rPARAMETER { a = 2 (\xb5m) } : 37 \xb0C\r")
    assert load(path).globals["a"].unit == "\xb5m"
