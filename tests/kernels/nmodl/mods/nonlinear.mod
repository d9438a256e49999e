TITLE a binding equilibrium, found by iteration

NEURON {
    SUFFIX nonlinear
    NONSPECIFIC_CURRENT i
    RANGE i, total
}

PARAMETER {
    k = 0.3
    total = 1.2
}

STATE { free bound }

ASSIGNED {
    v (mV)
    i (mA/cm2)
}

INITIAL {
    free = 0.5
    bound = 0.7
}

BREAKPOINT {
    SOLVE equilibrium
    i = 1e-5*bound*v
}

NONLINEAR equilibrium {
    LOCAL gain
    gain = 1/(1 + exp(-(v + 50)/20))
    ~ free*free*gain = k*bound
    ~ free + 2*bound = total
}
