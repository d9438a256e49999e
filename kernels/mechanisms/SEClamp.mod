TITLE voltage clamp through a resistance: three levels in turn, then off

NEURON {
    POINT_PROCESS SEClamp
    ELECTRODE_CURRENT i
    RANGE dur1, amp1, dur2, amp2, dur3, amp3, rs, vc, i
}

UNITS {
    (nA) = (nanoamp)
    (mV) = (millivolt)
}

PARAMETER {
    rs = 1 (megohm)
    dur1 = 0 (ms)
    amp1 = 0 (mV)
    dur2 = 0 (ms)
    amp2 = 0 (mV)
    dur3 = 0 (ms)
    amp3 = 0 (mV)
}

ASSIGNED {
    v (mV)
    i (nA)
    vc (mV)
}

BREAKPOINT {
    LOCAL on
    on = 1
    if (t < dur1) {
        vc = amp1
    } else if (t < dur1 + dur2) {
        vc = amp2
    } else if (t < dur1 + dur2 + dur3) {
        vc = amp3
    } else {
        vc = 0
        on = 0
    }
    i = on*(vc - v)/rs
}
