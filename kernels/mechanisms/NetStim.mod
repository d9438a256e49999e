TITLE generator of regular spike trains

: `number` spikes, `interval` apart, from `start` on. An event of positive weight starts the train
: anew when it is over; one of negative weight ends it.

NEURON {
    ARTIFICIAL_CELL NetStim
    RANGE interval, number, start
    THREADSAFE
}

PARAMETER {
    interval = 10 (ms)
    number = 10
    start = 50 (ms)
}

ASSIGNED {
    on
    sent
}

INITIAL {
    on = 0
    sent = 0
    if (start >= 0 && number > 0) {
        on = 1
        net_send(start, 2)
    }
}

: flag 0: from outside; 1: the next spike is due; 2: the train set at INITIAL begins
NET_RECEIVE (w) {
    if (flag == 0) {
        if (w > 0 && on == 0 && number > 0) {
            on = 1
            sent = 0
            net_send(0, 1)
        } else if (w < 0) {
            on = 0
        }
    } else if (on == 1) {
        if (flag == 2) {
            sent = 0
        }
        sent = sent + 1
        net_event(t)
        if (sent < number) {
            net_send(interval, 1)
        } else {
            on = 0
        }
    }
}
