TITLE A quadratic cell whose events set the voltage
NEURON { POINT_PROCESS QuadFire RANGE k, a, b, c, d, peak, u, n NONSPECIFIC_CURRENT i }
PARAMETER { k = 0.0007 a = 0.03 b = 0.002 c = -55 (mV) d = 0.1 peak = 10 (mV) }
ASSIGNED { v i n on }
STATE { u }
INITIAL { u = 0 n = 0 net_send(0, 1) }
BREAKPOINT { SOLVE rec METHOD cnexp i = -k*(v + 60)*(v + 40) + u - 0.25 }
DERIVATIVE rec { u' = a*(b*(v + 60) - u) }
NET_RECEIVE (w) {
  if (flag == 1) { WATCH (v > peak) 2 }
  else if (flag == 2) { n = n + 1 net_event(t) v = c u = u + d }
  else { u = u - w }
}
