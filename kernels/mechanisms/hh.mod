TITLE squid axon: sodium, potassium and leak (Hodgkin and Huxley 1952), rest at -65 mV

NEURON {
    SUFFIX hh
    USEION na READ ena WRITE ina
    USEION k READ ek WRITE ik
    NONSPECIFIC_CURRENT il
    RANGE gnabar, gkbar, gl, el, gna, gk
    RANGE minf, hinf, ninf, mtau, htau, ntau
    THREADSAFE
}

UNITS {
    (S) = (siemens)
    (mV) = (millivolt)
    (mA) = (milliamp)
}

PARAMETER {
    gnabar = 0.12 (S/cm2)
    gkbar = 0.036 (S/cm2)
    gl = 0.0003 (S/cm2)
    el = -54.3 (mV)
}

ASSIGNED {
    v (mV)
    celsius (degC)
    ena (mV)
    ek (mV)
    ina (mA/cm2)
    ik (mA/cm2)
    il (mA/cm2)
    gna (S/cm2)
    gk (S/cm2)
    minf
    hinf
    ninf
    mtau (ms)
    htau (ms)
    ntau (ms)
}

STATE {
    m
    h
    n
}

INITIAL {
    rates(v)
    m = minf
    h = hinf
    n = ninf
}

BREAKPOINT {
    SOLVE gates METHOD cnexp
    gna = gnabar*m*m*m*h
    gk = gkbar*n*n*n*n
    ina = gna*(v - ena)
    ik = gk*(v - ek)
    il = gl*(v - el)
}

DERIVATIVE gates {
    rates(v)
    m' = (minf - m)/mtau
    h' = (hinf - h)/htau
    n' = (ninf - n)/ntau
}

: Steady states and time constants; opening and closing rates in 1/ms at 6.3 degC.
PROCEDURE rates(v (mV)) {
    LOCAL opening, closing, q10
    TABLE minf, mtau, hinf, htau, ninf, ntau DEPEND celsius FROM -100 TO 100 WITH 200

    q10 = 3^((celsius - 6.3)/10)

    opening = 0.1*continued(-(v + 40), 10)
    closing = 4*exp(-(v + 65)/18)
    mtau = 1/(q10*(opening + closing))
    minf = opening/(opening + closing)

    opening = 0.07*exp(-(v + 65)/20)
    closing = 1/(exp(-(v + 35)/10) + 1)
    htau = 1/(q10*(opening + closing))
    hinf = opening/(opening + closing)

    opening = 0.01*continued(-(v + 55), 10)
    closing = 0.125*exp(-(v + 65)/80)
    ntau = 1/(q10*(opening + closing))
    ninf = opening/(opening + closing)
}

: x/(exp(x/k) - 1), continued through x = 0
FUNCTION continued(x, k) {
    if (fabs(x/k) < 1e-6) {
        continued = k*(1 - x/k/2)
    } else {
        continued = x/(exp(x/k) - 1)
    }
}
