TITLE player of a spike train: train(i) is its i-th time, negative past the end

NEURON {
    ARTIFICIAL_CELL VecStim
    THREADSAFE
}

ASSIGNED {
    index
    due (ms)
}

INITIAL {
    index = 0
    due = train(index)
    if (due >= 0) {
        net_send(due - t, 1)
    }
}

NET_RECEIVE (w) {
    if (flag == 1) {
        net_event(t)
        index = index + 1
        due = train(index)
        if (due >= 0) {
            net_send(due - t, 1)
        }
    }
}
