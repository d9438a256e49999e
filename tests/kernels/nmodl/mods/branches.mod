TITLE reactions in the branches of an if, and counters in BREAKPOINT

NEURON {
    SUFFIX branches
    NONSPECIFIC_CURRENT i
    RANGE n, highest, when
}

DEFINE N 3

ASSIGNED { v i n highest when r[N] }

STATE { c[N] open shut }

INITIAL {
    FROM k = 0 TO N - 1 { r[k] = k + 1 }
    highest = -1000
    SOLVE scheme STEADYSTATE sparse
}

BREAKPOINT {
    SOLVE scheme METHOD sparse
    i = 1e-5*open*(v - 10)
    n = n + 1
    if (v > highest) {
        highest = v
        when = t
    }
}

KINETIC scheme {
    LOCAL a, b
    a = exp(v/25)
    b = exp(-v/25)
    FROM k = 0 TO N - 2 { ~ c[k] <-> c[k+1] (a*r[k], b) }
    if (v > -40) {
        ~ c[N-1] <-> open (a*2, b*3)
    } else {
        ~ c[N-1] <-> open (1, 2)
    }
    ~ open <-> shut (0.05, 0.02)
    CONSERVE c[0] + c[1] + c[2] + open + shut = 1
}
