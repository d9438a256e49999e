"""Events to come, in bins of one step each: compiled push and drain.

An event is a time and a connection. Bins are linked lists through one pool of events, a ring of
heads long enough for the longest delay: pushing an event is a few stores, whatever is pending, and
a step takes its own list alone. The cost of an epoch is that of its spikes times their targets.

Order. An engine wants the events of a step by (time, source gid, connection). Connections are kept
by source gid, then in the order of the block, so their place k in that order says both, and events
are sorted by (time, k) when a step is drained. Nothing depends on the order of arrival.
"""

from __future__ import annotations

import numpy as np

from kernels.jit import kept as compiled

ROUND = 1e-9  # steps: what counts as the very middle of a step
SPREAD = 0x9E3779B1  # odd: gids that follow one another get places of their own


@compiled
def find_row(gid, table, spread):
    """The row of a gid that is heard, or -1; see `make_table`."""
    mask = len(table) - 1
    slot = (gid * spread) & mask
    while True:
        key = table[slot, 0]
        if key == gid:
            return table[slot, 1]
        if key < 0:
            return np.int32(-1)
        slot = (slot + 1) & mask


@compiled
def fill_table(heard, table, spread):
    """Put the gids that are heard into an empty table, by their places."""
    mask = len(table) - 1
    for row in range(len(heard)):
        slot = (heard[row] * spread) & mask
        while table[slot, 0] >= 0:
            slot = (slot + 1) & mask
        table[slot, 0], table[slot, 1] = heard[row], row


def make_table(heard: np.ndarray, n_gids: int) -> tuple[np.ndarray, np.int64]:
    """From gids to rows: a place for every gid, or a hash table where few of many are heard.

    Args:
        heard: (n,) i8, the gids that have a row, in order of row.
        n_gids: number of all gids.

    Returns:
        (size, 2) i4, gid and row, -1 where free; the factor that spreads gids over it, 1 where
        every gid has its own place. The size is a power of two.
    """
    size = 4 * max(1, len(heard))
    direct = n_gids <= 2 * size
    n = 1 << max(1, int(n_gids if direct else size) - 1).bit_length()
    table = np.full((n, 2), -1, np.int32)
    spread = np.int64(1 if direct else SPREAD)
    fill_table(heard.astype(np.int64), table, spread)
    return table, spread


@compiled
def count_events(gid, table, spread, row_ptr):
    """Number of events that some spikes cause."""
    n = 0
    for i in range(len(gid)):
        row = find_row(np.int64(gid[i]), table, spread)
        if row >= 0:
            n += row_ptr[row + 1] - row_ptr[row]
    return n


@compiled
def push_events(
    gid, step, time, table, spread, row_ptr, delay, delay_steps, dt, now,
    event_time, event_k, event_next, head, free,
):  # fmt: skip
    """Put the events of some spikes into their bins.

    `gid`, `step` and `time` are the spikes; the step is -1 where the time [ms] alone counts. Next
    come tables of `distnet.routing.Routing`, the step [ms], and the first step that was not yet
    drained. `event_...` is the pool, `head` the ring of bins, `free` the first free event and the
    number pending.

    Returns the first spike with an event due before `now` or beyond the ring, and the place of that
    event's connection; -1 and -1 where there is none. Such events are left out.
    """
    late, at_k = -1, -1
    for i in range(len(gid)):
        row = find_row(np.int64(gid[i]), table, spread)
        if row < 0:
            continue
        for k in range(row_ptr[row], row_ptr[row + 1]):
            at = time[i] + delay[k]
            if step[i] >= 0:
                due = step[i] + np.int64(delay_steps[k])
            else:
                due = np.int64(np.ceil(at / dt - 0.5 - ROUND))
            if due < now or due - now >= len(head):
                if late < 0:
                    late, at_k = i, k
                continue
            slot = free[0]
            free[0] = event_next[slot]
            free[1] += 1
            event_time[slot] = at
            event_k[slot] = k
            place = due % len(head)
            event_next[slot] = head[place]
            head[place] = slot
    return late, at_k


@compiled
def push_known(due, time, k, now, event_time, event_k, event_next, head, free):
    """Put events back that were pending; all of them are due from `now` on, within the ring."""
    for i in range(len(due)):
        slot = free[0]
        free[0] = event_next[slot]
        free[1] += 1
        event_time[slot] = time[i]
        event_k[slot] = k[i]
        place = due[i] % len(head)
        event_next[slot] = head[place]
        head[place] = slot


@compiled
def sort_events(time, k, first, last):
    """Sort events `first` to `last` by (time, k), in place."""
    if last - first <= 24:
        for i in range(first + 1, last):
            t, c = time[i], k[i]
            j = i - 1
            while j >= first and (time[j] > t or (time[j] == t and k[j] > c)):
                time[j + 1], k[j + 1] = time[j], k[j]
                j -= 1
            time[j + 1], k[j + 1] = t, c
        return
    order = np.argsort(time[first:last])
    time[first:last] = time[first:last][order]
    k[first:last] = k[first:last][order]
    begin = first
    for i in range(first + 1, last + 1):  # equal times: by k
        if i == last or time[i] != time[begin]:
            if i - begin > 1:
                k[begin:i] = np.sort(k[begin:i])
            begin = i


@compiled
def count_due(first, last, event_next, head):
    """Number of events due in steps `first` to `last`."""
    n = 0
    for step in range(first, last):
        slot = head[step % len(head)]
        while slot >= 0:
            n += 1
            slot = event_next[slot]
    return n


@compiled
def drain_events(first, last, event_time, event_k, event_next, head, free, step, time, k):
    """Take the events of steps `first` to `last` out, in order, into `step`, `time`, `k`."""
    n = 0
    for s in range(first, last):
        place = s % len(head)
        slot = head[place]
        head[place] = -1
        begin = n
        while slot >= 0:
            step[n], time[n], k[n] = s, event_time[slot], event_k[slot]
            n += 1
            after = event_next[slot]
            event_next[slot] = free[0]
            free[0] = slot
            free[1] -= 1
            slot = after
        sort_events(time, k, begin, n)


@compiled
def copy_pending(first, n_bin, event_time, event_k, event_next, head, step, time, k):
    """Copy all pending events, of `n_bin` steps from `first`, without order inside a step."""
    n = 0
    for s in range(first, first + n_bin):
        slot = head[s % n_bin]
        while slot >= 0:
            step[n], time[n], k[n] = s, event_time[slot], event_k[slot]
            n += 1
            slot = event_next[slot]
