TITLE every connection changes when the cell is told to learn

NEURON {
    POINT_PROCESS Plastic
    NONSPECIFIC_CURRENT i
    RANGE g, sum, n
}

PARAMETER { tau = 2 (ms) }

STATE { g (uS) }

ASSIGNED {
    v (mV)
    i (nA)
    sum
    n
}

INITIAL {
    g = 0
    sum = 0
    n = 0
    net_send(3.3, 7)
}

BREAKPOINT {
    SOLVE decay METHOD cnexp
    i = g*v
}

DERIVATIVE decay { g' = -g/tau }

NET_RECEIVE(w (uS), gain, last (ms)) {
    INITIAL {
        gain = 1
        last = -1
    }
    if (flag == 0) {
        g = g + w*gain
        last = t
        gain = gain*0.9
    } else {
        sum = 0
        FOR_NETCONS(one, other, when) {
            n = n + 1
            sum = sum + one*other
            if (when >= 0) {
                other = other + 0.5*exp(-(t - when)/5)
            }
        }
        net_send(2.1, 7)
    }
}
