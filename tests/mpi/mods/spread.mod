COMMENT
What flows in through the membrane and diffuses along the cable, in two shells; it closes a leak.
ENDCOMMENT

NEURON {
    SUFFIX spread
    NONSPECIFIC_CURRENT i
    RANGE g
}
PARAMETER {
    g = 1e-5 (S/cm2)
    D = 0.4 (um2/ms)
    diam (um)
}
ASSIGNED {
    v (mV)
    i (mA/cm2)
    part[2]
}
STATE { x[2] }
INITIAL {
    FROM k = 0 TO 1 { part[k] = 0.3 + 0.2*k x[k] = 0 }
}
BREAKPOINT {
    SOLVE scheme METHOD sparse
    i = g*(1 - x[1]/(x[1] + 0.1))*(v + 90)
}
KINETIC scheme {
    COMPARTMENT k, diam*diam*part[k] {x}
    LONGITUDINAL_DIFFUSION k, D*diam*diam*part[k] {x}
    ~ x[0] << ((v + 80)*1e-3*diam)
    ~ x[0] <-> x[1] (0.7, 0.7)
}
