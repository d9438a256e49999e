TITLE synapse: conductance is a difference of two exponentials with peak equal to the weight

NEURON {
    POINT_PROCESS Exp2Syn
    NONSPECIFIC_CURRENT i
    RANGE tau1, tau2, e, i, g
}

UNITS {
    (nA) = (nanoamp)
    (mV) = (millivolt)
    (uS) = (microsiemens)
}

PARAMETER {
    tau1 = 0.1 (ms) : rise
    tau2 = 10 (ms) : decay
    e = 0 (mV)
}

ASSIGNED {
    v (mV)
    i (nA)
    g (uS)
    factor
}

STATE {
    A (uS)
    B (uS)
}

: The peak of exp(-t/tau2) - exp(-t/tau1) is at t = peak. Equal time constants are set slightly apart.
INITIAL {
    LOCAL peak
    if (tau1/tau2 > 0.9999) {
        tau1 = 0.9999*tau2
    }
    if (tau1/tau2 < 1e-9) {
        tau1 = tau2*1e-9
    }
    A = 0
    B = 0
    peak = (tau1*tau2)/(tau2 - tau1)*log(tau2/tau1)
    factor = -exp(-peak/tau1) + exp(-peak/tau2)
    factor = 1/factor
}

BREAKPOINT {
    SOLVE decay METHOD cnexp
    g = B - A
    i = g*(v - e)
}

DERIVATIVE decay {
    A' = -A/tau1
    B' = -B/tau2
}

NET_RECEIVE(weight (uS)) {
    A = A + weight*factor
    B = B + weight*factor
}
