"""PTX as C++: what NVRTC really made of a text, executed on the CPU through the shim.

Every instruction becomes one statement on registers that are local variables; an opcode that does
not stand here is an error. Addresses of global memory are those of the host; those of shared memory
count from its start, in 32 bits or in 64, as the compiler likes.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from kernels.errors import KernelsError

TYPES = {
    "u8": "uint8_t", "s8": "int8_t",
    "u16": "uint16_t", "s16": "int16_t", "b16": "uint16_t",
    "u32": "uint32_t", "s32": "int32_t", "b32": "uint32_t",
    "u64": "uint64_t", "s64": "int64_t", "b64": "uint64_t",
    "f64": "double", "f32": "float", "pred": "bool",
}  # fmt: skip
REGISTERS = {"pred": "bool", "b16": "uint16_t", "b32": "uint32_t", "b64": "uint64_t"}
REGISTERS |= {"f64": "double", "f32": "float"}
#: Functions of the real types.
REAL = {
    "f64": {"abs": "fabs", "sqrt": "__dsqrt_rn", "fma": "__fma_rn"},
    "f32": {"abs": "fabsf", "sqrt": "__fsqrt_rn", "fma": "__fmaf_rn"},
}
SPECIAL = {"%tid.x": "threadIdx.x", "%ntid.x": "blockDim.x", "%ctaid.x": "blockIdx.x"}
SPECIAL["shared"] = "0"  # where it begins

_OPERATORS = {"add": "+", "sub": "-", "mul": "*", "and": "&", "or": "|", "xor": "^"}
_COMPARED = {"eq": "==", "ne": "!=", "lt": "<", "le": "<=", "gt": ">", "ge": ">="}
#: Comparisons that hold where an operand is NaN: the negation of these.
_UNORDERED = {"equ": "<>", "neu": "==", "ltu": ">=", "leu": ">", "gtu": "<=", "geu": "<"}

HEAD = """\
#include <stdint.h>
struct Table;
extern double shared[];
static inline uint64_t as_bits(double x) { return (uint64_t)__double_as_longlong(x); }
static inline double as_real(uint64_t n) { return __longlong_as_double((long long)n); }
static inline uint32_t as_short_bits(float x) { return (uint32_t)__float_as_int(x); }
static inline float as_short_real(uint32_t n) { return __int_as_float((int)n); }
template <class Real> static inline Real max_real(Real a, Real b) {
    return a != a ? b : b != b ? a : a > b ? a : b;
}
template <class Real> static inline Real min_real(Real a, Real b) {
    return a != a ? b : b != b ? a : a < b ? a : b;
}
static inline uint64_t inserted(uint64_t a, uint64_t b, uint32_t first, uint32_t count) {
    const uint64_t mask = (count < 64 ? ((uint64_t)1 << count) - 1 : ~(uint64_t)0) << first;
    return (a << first & mask) | (b & ~mask);
}
static inline int64_t truncated(double x) {
    if (x != x || x < -9223372036854775808.0) return INT64_MIN;
    return x >= 9223372036854775808.0 ? INT64_MAX : (int64_t)x;
}
"""

_ENTRY = re.compile(r"\.visible \.entry (\w+)\((.*?)\)(.*?)^\{(.*?)^\}", re.DOTALL | re.MULTILINE)
_CONSTANT = re.compile(r"\.const \.align (\d+) \.b8 (\w+)\[(\d+)\] = \{([\d, ]*)\};")
_REGISTER = re.compile(r"\.reg \.(\w+)\s+%(\w+?)(?:<(\d+)>)?;")
_LINE = re.compile(r"(?:@(!?)%(\w+)\s+)?([a-z][\w.]*)\s*(.*?);")


def translate(source: str) -> str:
    """C++ text with the kernels of a PTX text.

    Raises:
        KernelsError: an instruction is not known.
    """
    entries = _ENTRY.findall(source)
    if not entries:
        raise KernelsError("the PTX text holds no kernel")
    constants = [_constant(*found) for found in _CONSTANT.findall(source)]
    return HEAD + "\n".join([*constants, *(_kernel(name, body) for name, _, _, body in entries)])


def _constant(align: str, name: str, n_byte: str, values: str) -> str:
    """An array of constant memory."""
    return f"alignas({align}) static const uint8_t {name}[{n_byte}] = {{{values}}};"


def _kernel(name: str, body: str) -> str:
    lines = [
        f'extern "C" void {name}(const Table *table, long long first, long long last, int cell) {{',
        "    const uint64_t parameter[] = {",
        "        (uint64_t)table, (uint64_t)first, (uint64_t)last, (uint64_t)(int64_t)cell",
        "    };",
    ]
    for line in body.splitlines():
        text = line.split("//")[0].strip()
        if text:
            lines += [f"    {one}" for one in _statement(name, text)]
    return "\n".join([*lines, "}", ""])


def _statement(kernel: str, text: str) -> list[str]:
    if text in ("{", "}"):
        return [text]
    if text.endswith(":"):
        return [f"{text[:-1].replace('$', '')}:;"]
    if text.startswith((".pragma", ".branchtargets")):
        return []
    if match := _REGISTER.fullmatch(text):
        kind, prefix, count = match.groups()
        if kind not in REGISTERS:
            raise KernelsError(f"{kernel}: registers of type {kind} are not known")
        names = [f"{prefix}{k}" for k in range(int(count))] if count else [prefix]
        return [f"{REGISTERS[kind]} {', '.join(names)};"]
    match = _LINE.fullmatch(text)
    if not match:
        raise KernelsError(f"{kernel}: the line `{text}` is not known")
    negated, guard, opcode, rest = match.groups()
    made = _instruction(opcode, _operands(rest))
    if made is None:
        raise KernelsError(f"{kernel}: the instruction `{text}` is not known")
    return [f"if ({negated}{guard}) {{ {made} }}" if guard else made]


def _operands(text: str) -> list[str]:
    return [one.strip() for one in re.split(r",(?![^{\[]*[}\]])", text)] if text else []


def _value(operand: str, kind: str) -> str:
    """An operand as a value of a type."""
    if operand in SPECIAL:
        return f"({TYPES[kind]})({SPECIAL[operand]})"
    if operand.startswith("%"):
        return f"({TYPES[kind]}){operand[1:]}"
    if operand.startswith("0d") and kind == "f64":
        return f"as_real(0x{operand[2:]}ULL)"
    if operand.startswith("0f") and kind == "f32":
        return f"as_short_real(0x{operand[2:]}U)"
    if re.fullmatch(r"-?\d+", operand):
        text = "INT64_MIN" if operand == "-9223372036854775808" else f"{operand}LL"
        return f"({TYPES[kind]})({text})"
    raise KernelsError(f"the operand `{operand}` is not known")


def _memory(operand: str, kind: str, space: str = "global") -> str:
    match = re.fullmatch(r"\[(?:%(\w+)|shared)(?:\+(-?\d+))?\]", operand)
    if not match or (space == "global" and not match[1]):
        raise KernelsError(f"the address `{operand}` is not known")
    address = f"({match[1] or 0} + ({match[2] or 0}LL))"
    if space == "shared":
        address = f"((char *)shared + (int32_t){address})"
    return f"*({TYPES[kind]} *){address}"


def _constant_memory(operand: str, kind: str) -> str:
    match = re.fullmatch(r"\[(\w+)(?:\+(\d+))?\]", operand)
    if not match:
        raise KernelsError(f"the address `{operand}` is not known")
    return f"*(const {TYPES[kind]} *)({match[1]} + {match[2] or 0})"


def _instruction(opcode: str, operands: list[str]) -> str | None:
    """One statement, or None for what is not known."""
    parts = opcode.split(".")
    name, kind = parts[0], parts[-1]
    if opcode in ("bra", "bra.uni"):
        return f"goto {operands[0].replace('$', '')};"
    if opcode == "ret":
        return "return;"
    if opcode == "count.block":
        return f"count_block({operands[0]});"  # put there by kernels.cuda.count
    if opcode == "count.touch":
        return f"count_touch({operands[0]}, (uint64_t)&{_memory(operands[1], 'u64')});"
    if opcode == "bar.sync" and operands == ["0"]:
        return "__syncthreads();"
    if opcode == "bar.warp.sync":
        return f"__syncwarp({_value(operands[0], 'u32')});"
    if opcode == "bar.red.or.pred" and operands[1] == "0":
        return f"{operands[0][1:]} = __syncthreads_or({_value(operands[2], 'pred')});"
    if kind not in TYPES:
        return None
    if name == "st" and parts[1] in ("global", "shared") and len(parts) == 3:
        return f"{_memory(operands[0], kind, parts[1])} = {_value(operands[1], kind)};"
    if not operands or not operands[0].startswith("%"):
        return None
    made = _result(name, parts[1:], kind, operands[1:], operands[0][1:])
    return None if made is None else f"{operands[0][1:]} = {made};"


def _result(name: str, parts: list[str], kind: str, given: list[str], target: str) -> str | None:
    """The value that an instruction gives its target."""
    if name == "ld" and parts[0] == "param":
        return f"parameter[{given[0].strip('[]').rsplit('_', 1)[1]}]"
    if name == "ld" and len(parts) == 2 and parts[0] == "const":
        return _constant_memory(given[0], kind)
    if name == "ld" and len(parts) == 2 and parts[0] in ("global", "shared"):
        return _memory(given[0], kind, parts[0])
    if name == "mov" and len(parts) == 1:
        return _moved(kind, given[0], target)
    if name == "cvta":
        known = (["to", "global", "u64"], ["to", "shared", "u64"], ["shared", "u64"])
        return _value(given[0], kind) if parts in known else None
    if name == "cvt":
        return _converted(".".join(parts), given[0])
    if name == "setp" and len(parts) == 2:
        return _compared(parts[0], kind, *given)
    if name == "bfi" and kind == "b64":
        one, other = (_value(operand, kind) for operand in given[:2])
        place = ", ".join(_value(operand, "u32") for operand in given[2:])
        return f"inserted({one}, {other}, {place})"
    if name == "selp":
        yes, no, test = given
        return f"{test[1:]} ? {_value(yes, kind)} : {_value(no, kind)}"
    values = [_value(operand, kind) for operand in given]
    table = _real if kind in REAL else _whole
    return table(".".join([name, *parts[:-1]]), kind, values)


def _moved(kind: str, operand: str, target: str) -> str | None:
    if operand.startswith("{"):
        return None
    if kind == "b64" and target.startswith("rd") and operand.startswith("%fd"):
        return f"as_bits({operand[1:]})"
    if kind == "b64" and target.startswith("fd") and operand.startswith("%rd"):
        return f"as_real({operand[1:]})"
    if kind == "b32" and operand.startswith("%f") and target.startswith("r"):
        return f"as_short_bits({operand[1:]})"
    if kind == "b32" and operand.startswith("%r") and target.startswith("f"):
        return f"as_short_real({operand[1:]})"
    return _value(operand, kind)


def _converted(kinds: str, operand: str) -> str | None:
    simple = re.fullmatch(r"([us])(16|32|64)\.([us](?:8|16|32|64))", kinds)
    if simple:
        to = TYPES[simple[1] + simple[2]]
        return f"({to})({_value(operand, simple[3])})"
    rounded: dict[str, Callable[[str], str]] = {
        "rn.f64.s64": lambda x: f"(double)({x})",
        "rn.f64.s32": lambda x: f"(double)({x})",
        "rn.f64.u32": lambda x: f"(double)({x})",
        "rmi.f64.f64": lambda x: f"floor({x})",
        "rpi.f64.f64": lambda x: f"ceil({x})",
        "rzi.f64.f64": lambda x: f"__builtin_trunc({x})",
        "rzi.s64.f64": lambda x: f"truncated({x})",
        "rn.f32.s32": lambda x: f"(float)({x})",
        "rn.f32.s64": lambda x: f"(float)({x})",
        "rn.f32.f64": lambda x: f"(float)({x})",
        "f64.f32": lambda x: f"(double)({x})",
        "rmi.f32.f32": lambda x: f"floorf({x})",
        "rpi.f32.f32": lambda x: f"ceilf({x})",
        "rzi.f32.f32": lambda x: f"__builtin_truncf({x})",
        "rzi.s64.f32": lambda x: f"truncated((double)({x}))",
    }
    made = rounded.get(kinds)
    return made(_value(operand, kinds.rsplit(".", 1)[1])) if made else None


def _compared(how: str, kind: str, left: str, right: str) -> str | None:
    a, b = _value(left, kind), _value(right, kind)
    if how in _UNORDERED and kind in REAL and how != "equ":
        return f"!({a} {_UNORDERED[how]} {b})"
    if how == "equ" and kind in REAL:
        return f"!({a} < {b} || {a} > {b})"
    if how == "ne" and kind in REAL:
        return f"{a} < {b} || {a} > {b}"
    if how in ("nan", "num"):
        test = f"({a} != {a} || {b} != {b})"
        return test if how == "nan" else f"!{test}"
    return f"{a} {_COMPARED[how]} {b}" if how in _COMPARED else None


def _real(operation: str, kind: str, values: list[str]) -> str | None:
    exact = {
        "neg": "-({0})", "abs": "{abs}({0})", "max": "max_real({0}, {1})",
        "min": "min_real({0}, {1})", "add.rn": "{0} + {1}", "sub.rn": "{0} - {1}",
        "mul.rn": "{0} * {1}", "div.rn": "{0} / {1}", "rcp.rn": "({own})1 / {0}",
        "sqrt.rn": "{sqrt}({0})", "fma.rn": "{fma}({0}, {1}, {2})",
    }  # fmt: skip
    names = {"own": TYPES[kind], **REAL[kind]}
    return exact[operation].format(*values, **names) if operation in exact else None


def _whole(operation: str, kind: str, values: list[str]) -> str | None:
    own, width = TYPES[kind], kind[1:]
    plain = f"uint{width}_t"
    if operation in ("mul.wide",):
        wide = f"{kind[0]}64"
        return f"(uint64_t)(({TYPES[wide]}){values[0]} * ({TYPES[wide]}){values[1]})"
    if kind == "pred":
        joined = {"and": "{0} && {1}", "or": "{0} || {1}", "xor": "{0} != {1}", "not": "!({0})"}
        return joined[operation].format(*values) if operation in joined else None
    name = operation.removesuffix(".lo")
    if name in _OPERATORS and len(values) == 2:
        return f"({plain}){values[0]} {_OPERATORS[name]} ({plain}){values[1]}"
    forms = {
        "mad": f"({plain}){{0}} * ({plain}){{1}} + ({plain}){{2}}",
        "div": "{0} / {1}",
        "rem": "{0} % {1}",
        "neg": f"({plain})0 - ({plain}){{0}}",
        "not": f"~({plain}){{0}}",
        "max": "{0} > {1} ? {0} : {1}",
        "min": "{0} < {1} ? {0} : {1}",
        "shl": f"(uint32_t){{1}} >= {width} ? ({own})0 : ({own})({{0}} << (uint32_t){{1}})",
        "shr": f"{{0}} >> ((uint32_t){{1}} >= {width} ? {int(width) - 1} : (uint32_t){{1}})",
    }
    if name == "shr" and kind[0] in "ub":
        shift = f"(uint32_t){values[1]}"
        return f"{shift} >= {width} ? ({own})0 : ({own})({values[0]} >> {shift})"
    return forms[name].format(*values) if name in forms else None
