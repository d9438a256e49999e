TITLE volumes, conserved amounts, rates that depend on states

NEURON {
    SUFFIX chain
    USEION ca READ cai, ica WRITE ica
    RANGE flow, n
}

UNITS { FARADAY = (faraday) (coulomb) (mM) = (milli/liter) }

PARAMETER { total = 3e-3 kf = 40 kb = 0.5 gmax = 1e-5 }

STATE { b cb p pc buf[2] bound still }

ASSIGNED { v cai ica flow n diam }

INITIAL {
    SOLVE scheme STEADYSTATE sparse
    still = 0.2
    SOLVE follow STEADYSTATE derivimplicit
}

BREAKPOINT {
    SOLVE scheme METHOD sparse
    SOLVE follow METHOD derivimplicit
    ica = gmax*(v - 100) + 1e-4*flow
}

KINETIC scheme {
    LOCAL k
    COMPARTMENT diam*2 {b cb}
    COMPARTMENT 0.3 {p pc}
    k = kf*(1 + 0.01*v)*(0.01+buf[0])
    CONSERVE b + cb = total*diam*2
    ~ cai + b <-> cb (kf, kb)
    ~ p <-> pc (k/10, 3)
    flow = f_flux - b_flux
    CONSERVE p + pc = 0.6
    ~ buf[0] <-> buf[1] (1, 2)
    CONSERVE buf[0] + buf[1] + bound = 1
    ~ 2 buf[1] <-> bound (3, 0.1)
    n = f_flux
}

DERIVATIVE follow { still' = exp(v/40) - still*still }
