TITLE generator of regular or noisy spike trains

: `number` spikes from `start` on, `interval` apart on average: noise = 0 regular, noise = 1 a
: Poisson process, between them intervals of a fixed and an exponentially distributed part. An
: event of positive weight starts the train anew when it is over; one of negative weight ends it.

NEURON {
    ARTIFICIAL_CELL NetStim
    RANGE interval, number, start, noise
    RANDOM ranvar
    THREADSAFE
}

PARAMETER {
    interval = 10 (ms)
    number = 10
    start = 50 (ms)
    noise = 0
}

ASSIGNED {
    on
    sent
    wait (ms)
}

INITIAL {
    random_setseq(ranvar, 0)
    on = 0
    sent = 0
    if (noise < 0) {
        noise = 0
    }
    if (noise > 1) {
        noise = 1
    }
    if (start >= 0 && number > 0) {
        on = 1
        wait = start
        if (noise > 0) {
            wait = start + next(interval) - interval*(1 - noise)
        }
        if (wait < 0) {
            wait = 0
        }
        net_send(wait, 2)
    }
}

: flag 0: from outside; 1: the next spike is due; 2: the train set at INITIAL begins
NET_RECEIVE (w) {
    if (flag == 0) {
        if (w > 0 && on == 0 && number > 0) {
            on = 1
            sent = 0
            wait = 0
            if (noise > 0) {
                wait = next(interval) - interval*(1 - noise)
            }
            net_send(wait, 1)
        } else if (w < 0) {
            on = 0
        }
    } else if (on == 1) {
        if (flag == 2) {
            sent = 0
        }
        sent = sent + 1
        net_event(t)
        wait = next(interval)
        if (sent < number) {
            net_send(wait, 1)
        } else {
            on = 0
        }
    }
}

FUNCTION next(mean (ms)) (ms) {
    if (mean <= 0) {
        mean = 0.01
    }
    if (noise == 0) {
        next = mean
    } else {
        next = (1 - noise)*mean + noise*mean*random_negexp(ranvar)
    }
}
