TITLE states in an array, one chosen by the voltage

NEURON {
    SUFFIX chosen
    NONSPECIFIC_CURRENT i
    RANGE i, which, sum
}

STATE { s[3] }

ASSIGNED {
    v (mV)
    i (mA/cm2)
    tau[3] (ms)
    which
    sum
}

INITIAL {
    FROM k = 0 TO 2 {
        tau[k] = k + 1
        s[k] = 0.1*k
    }
    which = choose(v)
    s[which + 1] = 0.3
}

BREAKPOINT {
    SOLVE scheme METHOD sparse
    add()
    which = choose(v)
    i = 1e-5*s[which]*v
}

KINETIC scheme {
    FROM k = 0 TO 1 {
        ~ s[k] <-> s[k+1] (0.3/tau[k], 0.1)
    }
}

PROCEDURE add() {
    LOCAL j
    sum = 0
    j = 0
    while (j < 3) {
        sum = sum + s[j]*tau[2-j]
        j = j + 1
    }
}

FUNCTION choose(u (mV)) {
    choose = 0
    if (u > -60) { choose = 1 }
    if (u > -30) { choose = 2 }
}
