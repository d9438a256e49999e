TITLE rates that are sums without parentheses, beside equations by METHOD runge

NEURON {
    SUFFIX bare
    NONSPECIFIC_CURRENT i
    RANGE load, flow
}

STATE { a b c1 c2 }

ASSIGNED { v i load flow }

INITIAL {
    a = 0.3  b = 0.1  c1 = 0.4
}

BREAKPOINT {
    SOLVE equations METHOD runge
    SOLVE scheme METHOD sparse
    i = 1e-5*(v + 60)*(a + c1)
}

DERIVATIVE equations {
    load = b*3
    a' = (1 - a)*exp(v/30)*3 - a*b
    b' = sin(t) - load + a
}

KINETIC scheme {
    ~ c1 <-> c2 (0.1 + v*v/1e4, 2 - 0.01*v - 0.003*v)
    flow = f_flux - b_flux
    CONSERVE c1 + c2 = 1
}
