TITLE conditions that become true together: the first delivery takes back the others

NEURON {
    POINT_PROCESS withdrawn
    NONSPECIFIC_CURRENT i
    RANGE high, middle, low, down
}

ASSIGNED { v i high middle low down }

INITIAL {
    high = 0  middle = 0  low = 0  down = 0
    net_send(0, 1)
}

BREAKPOINT { i = 0.002*sin(t) }

NET_RECEIVE (w) {
    if (flag == 1) {
        WATCH (v > -55) 2
        WATCH (v > -56) 3
        WATCH (v > -57) 5
    } else if (flag == 2) {
        high = high + 1
        WATCH (v < -60) 4
    } else if (flag == 3) {
        middle = middle + 1
        WATCH (v < -61) 4
    } else if (flag == 4) {
        down = down + 1
        WATCH (v > -55) 2
        WATCH (v > -56) 3
    } else if (flag == 5) {
        low = low + 1
    }
}
