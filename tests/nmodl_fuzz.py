"""Broken .mod files: truncated, mutated, spliced. The compiler takes them or says NmodlError.

    python tests/nmodl_fuzz.py [--cases 10000] [--seed 0]

Sources are the corpus of `mod_corpus.py` and the built-in mechanisms, or those alone. Case k of a
seed is always the same. A case is a fault if anything but NmodlError is raised, if it takes longer
than a second, if a second try ends otherwise, or if it is taken although it holds a character that
is no part of NMODL.
"""

from __future__ import annotations

import argparse
import random
import re
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

from mod_corpus import corpus  # noqa: E402
from mod_report import TooLong, limited  # noqa: E402

from kernels.cpu.single import numba_text  # noqa: E402
from kernels.errors import NmodlError  # noqa: E402
from kernels.nmodl import BUILT_IN, loads  # noqa: E402
from kernels.nmodl.lower import read  # noqa: E402

LONGEST = 1.0  # seconds of processor time a case
HANGS = 5.0  # seconds of it after which a case is broken off
FOREIGN = "@$`\\"  # characters that NMODL has nowhere outside comments and C

#: Where a foreign character may stand: comments, C, titles, units, includes and other strings.
_FREE = re.compile(
    r"\bCOMMENT\b.*?(?:\bENDCOMMENT\b|\Z)|\bVERBATIM\b.*?(?:\bENDVERBATIM\b|\Z)|[:?][^\r\n]*"
    r"|\bTITLE\b[^\r\n]*|\([^()]*\)|\"[^\"\n]*\"|\b(?:UNITSON|UNITSOFF|THREADSAFE)\b[^\r\n]*",
    re.DOTALL,
)
_TOKEN = re.compile(r"\w+|[^\w\s]")
_NUMBER = re.compile(r"(?<![\w.])\d+(?:\.\d+)?(?:[eE][-+]?\d+)?")
WORDS = re.findall(
    r"\S+",
    "NEURON PARAMETER STATE ASSIGNED BREAKPOINT DERIVATIVE KINETIC LINEAR NONLINEAR PROCEDURE "
    "FUNCTION INITIAL NET_RECEIVE SOLVE METHOD cnexp sparse derivimplicit STEADYSTATE CONSERVE "
    "COMPARTMENT TABLE FROM TO WITH DEPEND LOCAL IF if ELSE else WHILE while VERBATIM ENDVERBATIM "
    "COMMENT ENDCOMMENT UNITS UNITSOFF UNITSON USEION READ WRITE VALENCE RANGE GLOBAL POINTER "
    "NONSPECIFIC_CURRENT ELECTRODE_CURRENT SUFFIX POINT_PROCESS ARTIFICIAL_CELL net_send WATCH "
    "FOR_NETCONS BEFORE AFTER DEFINE INCLUDE CONSTANT v t dt celsius exp <-> << ~ ' { } ( ) [ ] "
    "+ - * / ^ = == != && || ! , 0 1 1e400 -1 1e-400 .5 5. . : ? @ \" ' \x00 \x1a é",
)
HUGE = ("0", "-1", "1000000000", "1e308", "1e-320", "99999999999999999999", "0.0", "3.7", "100000")


@dataclass(frozen=True)
class Case:
    """One broken text."""

    number: int
    source: str
    mutation: str
    text: str


@dataclass(frozen=True)
class Verdict:
    """What came of it; `fault` is empty if all is well."""

    taken: bool
    message: str
    seconds: float
    fault: str


def sources() -> list[tuple[str, str]]:
    """(name, text) of every file that is mutated."""
    files = [(f.label, f.path) for f in corpus()]
    files += [(f"built in: {path.name}", path) for path in sorted(BUILT_IN.glob("*.mod"))]
    return [(label, read(path)) for label, path in files]


def make_case(texts: Sequence[tuple[str, str]], number: int, seed: int = 0) -> Case:
    """Case `number` of a seed."""
    chance = random.Random(f"{seed}/{number}")
    name, text = texts[chance.randrange(len(texts))]
    mutation = chance.choice(list(MUTATIONS))
    rounds = 1 if mutation in ("truncate", "foreign") else chance.choice((1, 1, 1, 2, 5))
    for _ in range(rounds):
        text = MUTATIONS[mutation](text, chance, texts)
    return Case(number, name, mutation, text)


def judge(case: Case) -> Verdict:
    """Compile a case."""
    start = time.process_time()
    taken, message, fault, seconds = False, "", "", None
    try:
        with limited(HANGS, processor=True):
            mechanism = loads(case.text, "case.mod")
            taken, seconds = True, time.process_time() - start
            numba_text(mechanism)  # untimed: it fills tables
    except NmodlError as problem:
        message = str(problem)
    except TooLong:
        fault = "hangs"
    except Exception as problem:  # noqa: BLE001  (this is what is searched for)
        fault = f"{type(problem).__name__}: {problem}"[:200]
    if seconds is None:
        seconds = time.process_time() - start
    if not fault and seconds > LONGEST:
        fault = f"takes {seconds:.1f} s"
    if taken and case.mutation == "foreign" and not fault:
        fault = "taken, though it holds a foreign character"
    return Verdict(taken, message, seconds, fault)


# --- mutations ---


def _truncate(text: str, chance: random.Random, _: object) -> str:
    return text[: chance.randrange(len(text) + 1)]


def _behead(text: str, chance: random.Random, _: object) -> str:
    return text[chance.randrange(len(text) + 1) :]


def _drop_span(text: str, chance: random.Random, _: object) -> str:
    first = chance.randrange(len(text) + 1)
    return text[:first] + text[first + chance.choice((1, 3, 20, 200)) :]


def _repeat_span(text: str, chance: random.Random, _: object) -> str:
    first = chance.randrange(len(text) + 1)
    last = first + chance.choice((1, 3, 20, 200))
    return text[:last] + text[first:last] * chance.choice((1, 2, 50)) + text[last:]


def _drop_token(text: str, chance: random.Random, _: object) -> str:
    tokens = list(_TOKEN.finditer(text))
    if not tokens:
        return text
    token = chance.choice(tokens)
    return text[: token.start()] + text[token.end() :]


def _swap_tokens(text: str, chance: random.Random, _: object) -> str:
    tokens = list(_TOKEN.finditer(text))
    if len(tokens) < 2:
        return text
    one, other = sorted(chance.sample(tokens, 2), key=lambda match: match.start())
    middle = text[one.end() : other.start()]
    return text[: one.start()] + other[0] + middle + one[0] + text[other.end() :]


def _insert_word(text: str, chance: random.Random, _: object) -> str:
    at = chance.randrange(len(text) + 1)
    return f"{text[:at]} {chance.choice(WORDS)} {text[at:]}"


def _replace_token(text: str, chance: random.Random, _: object) -> str:
    tokens = list(_TOKEN.finditer(text))
    if not tokens:
        return text
    token = chance.choice(tokens)
    return text[: token.start()] + chance.choice(WORDS) + text[token.end() :]


def _change_number(text: str, chance: random.Random, _: object) -> str:
    numbers = list(_NUMBER.finditer(text))
    if not numbers:
        return text
    number = chance.choice(numbers)
    return text[: number.start()] + chance.choice(HUGE) + text[number.end() :]


def _nest(text: str, chance: random.Random, _: object) -> str:
    at = chance.randrange(len(text) + 1)
    bracket = chance.choice(("(", "{", "[", "-", "!", "if (v) {", "((v+1)*"))
    return text[:at] + bracket * chance.choice((3, 60, 3000)) + text[at:]


def _splice(text: str, chance: random.Random, texts: Sequence[tuple[str, str]]) -> str:
    other = chance.choice(texts)[1]
    return text[: chance.randrange(len(text) + 1)] + other[chance.randrange(len(other) + 1) :]


def _change_byte(text: str, chance: random.Random, _: object) -> str:
    if not text:
        return text
    at = chance.randrange(len(text))
    return text[:at] + chr(chance.randrange(256)) + text[at + 1 :]


def _foreign(text: str, chance: random.Random, _: object) -> str:
    """A foreign character between two tokens, where it must not be overlooked."""
    bare = _FREE.sub(lambda match: " " * len(match[0]), text)
    tokens = list(_TOKEN.finditer(bare))
    if not tokens:
        return FOREIGN[0]
    at = chance.choice(tokens).start()
    return f"{text[:at]} {chance.choice(FOREIGN)} {text[at:]}"


MUTATIONS: dict[str, Callable[[str, random.Random, Sequence[tuple[str, str]]], str]] = {
    "truncate": _truncate,
    "behead": _behead,
    "drop a span": _drop_span,
    "repeat a span": _repeat_span,
    "drop a token": _drop_token,
    "swap tokens": _swap_tokens,
    "insert a word": _insert_word,
    "replace a token": _replace_token,
    "change a number": _change_number,
    "nest": _nest,
    "splice": _splice,
    "change a byte": _change_byte,
    "foreign": _foreign,
}


def main() -> int:
    """Run many cases; print the faults and totals."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--show", type=int, help="print the text of one case")
    options = parser.parse_args()
    texts = sources()
    if options.show is not None:
        print(make_case(texts, options.show, options.seed).text)
        return 0
    taken = faults = 0
    slowest = 0.0
    for number in range(options.cases):
        case = make_case(texts, number, options.seed)
        verdict = judge(case)
        taken += verdict.taken
        slowest = max(slowest, verdict.seconds)
        if verdict.fault:
            faults += 1
            print(f"case {number} ({case.source}, {case.mutation}): {verdict.fault}", flush=True)
    print(
        f"{options.cases} cases of {len(texts)} files: {taken} taken, "
        f"{options.cases - taken - faults} refused, {faults} faults, slowest {slowest:.2f} s"
    )
    return int(faults > 0)


if __name__ == "__main__":
    sys.exit(main())
