TITLE conditions on the voltage, on a state and on time

NEURON {
    POINT_PROCESS Watching
    NONSPECIFIC_CURRENT i
    RANGE g, n, last, heard, low, high
}

PARAMETER {
    low = -70 (mV)
    high = -55 (mV)
    tau = 1.5 (ms)
}

STATE { g (uS) }

ASSIGNED {
    v (mV)
    i (nA)
    n
    last
    heard
}

INITIAL {
    g = 0
    n = 0
    last = 0
    heard = 0
    net_send(0, 1)
}

BREAKPOINT {
    SOLVE decay METHOD cnexp
    i = g*(v + 90)
}

DERIVATIVE decay { g' = -g/tau }

NET_RECEIVE(w) {
    if (flag == 0) {
        heard = heard + 1
        g = g + 0.002
    } else if (flag == 1) {
        WATCH (v > high) 2
        WATCH (v < low) 3, (g > 0.003) 4
    } else if (flag == 2) {
        n = n + 1
        last = t
        g = g + 0.001
    } else if (flag == 3) {
        n = n + 100
        last = t
        WATCH (v > low + 1) 5
        WATCH (v < low) 3
    } else if (flag == 4) {
        n = n + 10000
        last = t
    } else {
        n = n + 0.5
        net_send(0.2, 1)
    }
}
