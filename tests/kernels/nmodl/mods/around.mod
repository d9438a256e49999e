TITLE blocks before and after others

NEURON {
    SUFFIX around
    USEION k READ ek, ki
    NONSPECIFIC_CURRENT i
    RANGE early, late, total, count, seen, g
}

PARAMETER { g = 2e-5 (S/cm2) }

STATE { n }

ASSIGNED {
    v (mV)
    ek (mV)
    ki (mM)
    i (mA/cm2)
    early
    late
    total
    count
    seen
}

BEFORE INITIAL {
    count = 100
    total = 0
}

INITIAL {
    n = 0.2
    count = count + 1
}

AFTER INITIAL {
    count = count*2
    late = n + v
}

BEFORE BREAKPOINT {
    early = v + 10*n + t
}

BREAKPOINT {
    SOLVE states METHOD cnexp
    i = g*n*(v - ek)
}

DERIVATIVE states { n' = (1/(1 + exp(-(v + 50)/8)) - n)/3 }

AFTER SOLVE {
    late = n*t + v
    total = total + i*ki
}

BEFORE STEP {
    seen = n + late
    count = count + 1
}
