TITLE alpha conductances, one an event, kept in a queue

NEURON {
    POINT_PROCESS Queue
    NONSPECIFIC_CURRENT i
    RANGE tau, i, q, first
}

DEFINE MOST 12

PARAMETER { tau = 2 (ms) }

ASSIGNED {
    v (mV)
    i (nA)
    q
    first
    onset[MOST] (ms)
    size[MOST] (uS)
}

INITIAL {
    q = 0
    FROM k = 0 TO MOST-1 {
        onset[k] = -1
        size[k] = 0
    }
}

BREAKPOINT {
    i = conductance()*v
    first = onset[0]
}

FUNCTION conductance() {
    LOCAL x, k
    conductance = 0
    FROM k = 0 TO q-1 {
        x = (t - onset[k])/tau
        if (x > 0) {
            conductance = conductance + size[k]*x*exp(1 - x)
        }
    }
}

NET_RECEIVE(w (uS)) {
    if (q == 4) {
        FROM k = 1 TO q-1 {
            onset[k-1] = onset[k]
            size[k-1] = size[k]
        }
        q = q - 1
    }
    onset[q] = t
    size[q] = w
    q = q + 1
}
