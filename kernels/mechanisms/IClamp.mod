TITLE rectangular current pulse

NEURON {
    POINT_PROCESS IClamp
    ELECTRODE_CURRENT i
    RANGE delay, dur, amp, i
}

UNITS {
    (nA) = (nanoamp)
}

PARAMETER {
    delay = 0 (ms)
    dur = 0 (ms)
    amp = 0 (nA)
}

ASSIGNED {
    i (nA)
}

INITIAL {
    i = 0
}

BREAKPOINT {
    if (t >= delay && t < delay + dur) {
        i = amp
    } else {
        i = 0
    }
}
