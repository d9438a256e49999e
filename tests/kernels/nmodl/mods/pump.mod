TITLE a pump whose state follows its own current, not the ion's

NEURON {
    SUFFIX pump
    USEION k READ ek WRITE ik
    RANGE mean
}

STATE { mean }

ASSIGNED {
    v (mV)
    ek (mV)
    ik (mA/cm2)
}

INITIAL { mean = 0 }

BREAKPOINT {
    SOLVE follow METHOD cnexp
    ik = 2e-5*(v - ek)/(1 + exp(-(v + 40)/12))
}

DERIVATIVE follow { mean' = (ik - mean)/4 }
