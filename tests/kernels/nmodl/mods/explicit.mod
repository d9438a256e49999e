TITLE reactions by METHOD runge and euler

NEURON {
    SUFFIX explicit
    NONSPECIFIC_CURRENT i
    RANGE flow
}

STATE { c1 c2 d1 d2 d3 }

ASSIGNED { v i flow }

INITIAL { c1 = 1  d1 = 1 }

BREAKPOINT {
    SOLVE fast METHOD runge
    SOLVE slow METHOD euler
    i = 1e-5*(v + 60)*(c1 + d1)
}

KINETIC fast {
    COMPARTMENT 3 {c1 c2}
    ~ c1 <-> c2 (exp(v/40), 0.1 + 0.02)
    ~ c1 -> (0.01)
}

KINETIC slow {
    ~ d1 <-> d2 (exp(v/40), 2)
    ~ 2 d2 <-> d3 (1, 0.3)
    flow = f_flux
    ~ d1 << (0.01)
}
