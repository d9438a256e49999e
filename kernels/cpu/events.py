"""Self-events and spikes inside an epoch: small unsorted arrays of fixed capacity.

`self_count` holds the number pending and, second, how many did not fit; `spike_count` likewise. A
caller that sees an overflow raises; nothing is dropped silently.
"""

from __future__ import annotations

from kernels.jit import kept


@kept
def send(
    time, flag, instance, weight, mechanism, source, step, self_time, self_flag, self_mechanism,
    self_instance, self_weight, self_count, spike_step, spike_time, spike_source, spike_count,
):  # fmt: skip
    """net_send: put a self-event into the queue."""
    k = self_count[0]
    if k == len(self_time):
        self_count[1] += 1
        return
    self_time[k] = time
    self_flag[k] = flag
    self_mechanism[k] = mechanism
    self_instance[k] = instance
    self_weight[k] = weight
    self_count[0] = k + 1


@kept
def move(
    time, instance, weight, mechanism, source, step, self_time, self_flag, self_mechanism,
    self_instance, self_weight, self_count, spike_step, spike_time, spike_source, spike_count,
):  # fmt: skip
    """net_move: give the last pending self-event of this instance a new time."""
    for k in range(self_count[0] - 1, -1, -1):
        if self_mechanism[k] == mechanism and self_instance[k] == instance:
            self_time[k] = time
            return


@kept
def fire(
    time, instance, weight, mechanism, source, step, self_time, self_flag, self_mechanism,
    self_instance, self_weight, self_count, spike_step, spike_time, spike_source, spike_count,
):  # fmt: skip
    """net_event: a spike of this instance at an exact time."""
    if source[instance] < 0:
        return
    k = spike_count[0]
    if k == len(spike_time):
        spike_count[1] += 1
        return
    spike_step[k] = step
    spike_time[k] = time
    spike_source[k] = source[instance]
    spike_count[0] = k + 1


@kept
def earliest(limit, self_time, self_count):
    """Index of the first pending self-event at or before `limit`, or -1; of equals the oldest."""
    best = -1
    when = limit
    for k in range(self_count[0]):
        if self_time[k] < when or (best < 0 and self_time[k] == when):
            when = self_time[k]
            best = k
    return best


@kept
def remove(k, self_time, self_flag, self_mechanism, self_instance, self_weight, self_count):
    """Take self-event k out, keeping the order of the rest."""
    n = self_count[0]
    for j in range(k, n - 1):
        self_time[j] = self_time[j + 1]
        self_flag[j] = self_flag[j + 1]
        self_mechanism[j] = self_mechanism[j + 1]
        self_instance[j] = self_instance[j + 1]
        self_weight[j] = self_weight[j + 1]
    self_count[0] = n - 1


@kept
def find_spikes(
    step, dt, voltage, detector_node, detector_threshold, detector_above, detector_source,
    spike_step, spike_time, spike_source, spike_count,
):  # fmt: skip
    """Threshold crossings on the voltage just reached."""
    for k in range(len(detector_node)):
        above = voltage[detector_node[k]] > detector_threshold[k]
        if above and not detector_above[k]:
            j = spike_count[0]
            if j == len(spike_time):
                spike_count[1] += 1
            else:
                spike_step[j] = step
                spike_time[j] = step * dt
                spike_source[j] = detector_source[k]
                spike_count[0] = j + 1
        detector_above[k] = above
