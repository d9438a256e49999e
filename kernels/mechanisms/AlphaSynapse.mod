TITLE synapse at a fixed time: g = gmax (t - onset)/tau exp(-(t - onset - tau)/tau)

NEURON {
    POINT_PROCESS AlphaSynapse
    NONSPECIFIC_CURRENT i
    RANGE onset, tau, gmax, e, g, i
}

UNITS {
    (nA) = (nanoamp)
    (mV) = (millivolt)
    (uS) = (microsiemens)
}

PARAMETER {
    onset = 0 (ms)
    tau = 0.1 (ms)
    gmax = 0 (uS)
    e = 0 (mV)
}

ASSIGNED {
    v (mV)
    i (nA)
    g (uS)
}

BREAKPOINT {
    LOCAL x
    x = (t - onset)/tau
    if (x < 0 || x > 10) {
        g = 0
    } else {
        g = gmax*x*exp(1 - x)
    }
    i = g*(v - e)
}
