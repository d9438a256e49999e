// One block of cells through all steps of an epoch: a CUDA block of THREADS threads for each cell.
//
// Who touches what, and which barrier lies between:
// - node i of a cell is loaded, prepared, updated and stored by thread i % THREADS; instance j of a
//   mechanism, always by one and the same thread; a source, a sampled value likewise;
// - the tree is solved by the first LANES threads, a level at a time; a node pulls, in stored
//   order, what others left in the levels before, so nothing is added by two threads, and neither
//   LANES nor THREADS changes a bit;
// - a block barrier lies wherever one thread reads what another wrote: before and after the tree,
//   between mechanisms that add to the same nodes or ion arrays, and after events.
// Nothing is exchanged between CUDA blocks.
//
// Positions: nodes lie in order of elimination, the root last. LARGE cells keep their solver
// vectors in global memory (they stay in the L2 cache) instead of shared memory. TILED cells come in
// pieces, each of which is a cell to all that happens between two solutions (`tiles.cu`). In
// CONDENSED cells some nodes have two neighbours when they are eliminated, and couplings change on
// the way.
//
// Loops are unrolled only where several loads at once are worth their registers.

typedef @real@ Real;  // states, voltages, the matrix; times stay float64
#define LARGEST @largest@
#define SINGLE @single@
#define CROWDED @crowded@  // values of some mechanism wait in slots for a register
static_assert(THREADS % 32 == 0, "a thread finds its instances in one lane of all tiles");

@functions@

// A pointer of the table: into global memory, which the compiler is told.
template <typename T> struct Global {
    T *at;
    __device__ __forceinline__ operator T *() const {
        __builtin_assume(__isGlobal(at));
        return at;
    }
};

struct Table {
@fields@
};

#if LARGE
typedef int Small;  // a position in a cell
#else
typedef unsigned short Small;
#endif

// What the threads of a block share about their cell, or the piece of it that they are at.
struct Cell {
    int index, lane, n, n_level;
    long long first;  // its first node in the arrays over nodes
    Real *voltage, *diagonal, *right;
#if CONDENSED
    Real *coupling;  // of nodes to their parents; from `far` on to their others
    int far;
    const Small *other;  // the node itself: none
#else
    const Real *axial;
#endif
    const Small *parent, *child_ptr, *child, *level_ptr;
#if TILED
    bool is_trunk;
    int outside;       // children from here on are what tiles left
    const Real *left;  // pairs: what they take from the diagonal and add to the right-hand side
#endif
};

__device__ __forceinline__ void sync_tree() {
#if LANES > 32
    __syncthreads();
#else
    __syncwarp(LANES == 32 ? 0xffffffffu : (1u << (LANES & 31)) - 1u);
#endif
}

// The same place, of which the compiler knows nothing: values that were put there to free registers
// stay there until they are read.
__device__ __forceinline__ Real *hidden(Real *d) {
#if defined(__CUDACC__)
    asm volatile("" : "+l"(d));
    __builtin_assume(__isGlobal(d));
#endif
    return d;
}

// The same for an array in shared memory: its address stays in a register of its own, and that of an
// element takes one instruction, where the compiler would add up distances from a common beginning:
// that takes fewer registers, where they are scarce.
template <typename T> __device__ __forceinline__ T *apart(T *array) {
#if defined(__CUDACC__) && !CROWDED
    asm volatile("" : "+l"(array));
    __builtin_assume(__isShared(array));
#endif
    return array;
}

#if !TILED
__device__ __forceinline__ Cell open_cell(const Table *p, int index, Real *memory) {
    Cell cell;
    cell.index = index;
    cell.lane = (int)threadIdx.x;
    cell.first = p->node_ptr[index];
    const int n = (int)(p->node_ptr[index + 1] - cell.first);
    const long long level_first = p->level_first[index];
    const int n_level = (int)(p->level_first[index + 1] - level_first) - 1;
    cell.n = n;
    cell.n_level = n_level;
#if CONDENSED
    cell.far = n;
#endif
    const int *parent = p->parent + cell.first;
    const long long child_first = p->child_first[index];
    const int *child = p->child + child_first;
#if CONDENSED
    const int *other = p->other + cell.first;
#endif
    const int *child_ptr = p->child_ptr + cell.first + index;
    const int *level_ptr = p->level_ptr + level_first;
#if LARGE
    cell.voltage = p->voltage + cell.first;
    cell.diagonal = p->diagonal + cell.first;
    cell.right = p->right + cell.first;
#if CONDENSED
    cell.coupling = p->coupling + 2 * cell.first;
    cell.other = other;
#else
    cell.axial = p->axial + cell.first;
#endif
    cell.parent = parent;
    cell.child = child;
    cell.child_ptr = child_ptr;
    cell.level_ptr = level_ptr;
#else
    cell.voltage = apart(memory);
    cell.diagonal = apart(memory + n);
    cell.right = apart(memory + 2 * n);
#if CONDENSED
    const int n_child = (int)(p->child_first[index + 1] - child_first);
    cell.coupling = apart(memory + 3 * n);
    Small *small = (Small *)(memory + 5 * n);
    Small *other_of = small + 2 * n + n_child + 1 + n_level + 1;
    cell.other = apart(other_of);
#else
    const int n_child = n;
    Real *axial = memory + 3 * n;
    Small *small = (Small *)(memory + 4 * n);
    cell.axial = apart(axial);
#endif
    cell.parent = apart(small);
    cell.child = apart(small + n);
    cell.child_ptr = apart(small + n + n_child);
    cell.level_ptr = apart(small + 2 * n + n_child + 1);
#pragma unroll 1
    for (int i = cell.lane; i < n; i += THREADS) {
        cell.voltage[i] = p->voltage[cell.first + i];
        small[i] = (Small)parent[i];
        small[n + i] = (Small)child[i];
#if CONDENSED
        other_of[i] = (Small)other[i];
#else
        axial[i] = p->axial[cell.first + i];
#endif
    }
#pragma unroll 1
    for (int i = n + cell.lane; i < n_child; i += THREADS) small[n + i] = (Small)child[i];
#pragma unroll 1
    for (int i = cell.lane; i <= n; i += THREADS) small[n + n_child + i] = (Small)child_ptr[i];
#pragma unroll 1
    for (int i = cell.lane; i <= n_level; i += THREADS)
        small[2 * n + n_child + 1 + i] = (Small)level_ptr[i];
#endif
    __syncthreads();
    return cell;
}
#endif

// Self-events of one cell, oldest first.
struct Queue {
    double *time, *flag;
    int *mechanism, *instance;
    long long *weight, *count;  // count: pending, and how many did not fit
    int capacity;
};

__device__ __forceinline__ Queue open_queue(const Table *p, int index) {
    const long long first = p->queue_ptr[index];
    Queue queue;
    queue.time = p->self_time + first;
    queue.flag = p->self_flag + first;
    queue.mechanism = p->self_mechanism + first;
    queue.instance = p->self_instance + first;
    queue.weight = p->self_weight + first;
    queue.count = p->self_count + 2 * index;
    queue.capacity = (int)(p->queue_ptr[index + 1] - first);
    return queue;
}

// net_send
__device__ __forceinline__ void send(
    const Queue &queue, double time, double flag, int mechanism, long long instance, long long weight
) {
    const long long k = queue.count[0];
    if (k == queue.capacity) {
        queue.count[1] += 1;
        return;
    }
    queue.time[k] = time;
    queue.flag[k] = flag;
    queue.mechanism[k] = mechanism;
    queue.instance[k] = (int)instance;
    queue.weight[k] = weight;
    queue.count[0] = k + 1;
}

// net_move: the last pending self-event of the instance gets a new time.
__device__ __forceinline__ void move(
    const Queue &queue, double time, int mechanism, long long instance
) {
    for (long long k = queue.count[0] - 1; k >= 0; --k)
        if (queue.mechanism[k] == mechanism && queue.instance[k] == instance) {
            queue.time[k] = time;
            return;
        }
}

// Index of the first pending self-event at or before `limit`, or -1; of equals the oldest.
__device__ __forceinline__ int earliest(const Queue &queue, double limit) {
    int best = -1;
    double when = limit;
    for (int k = 0; k < queue.count[0]; ++k)
        if (queue.time[k] < when || (best < 0 && queue.time[k] == when)) {
            when = queue.time[k];
            best = k;
        }
    return best;
}

__device__ __forceinline__ void remove(const Queue &queue, int k) {
    const long long n = queue.count[0];
    for (long long j = k; j < n - 1; ++j) {
        queue.time[j] = queue.time[j + 1];
        queue.flag[j] = queue.flag[j + 1];
        queue.mechanism[j] = queue.mechanism[j + 1];
        queue.instance[j] = queue.instance[j + 1];
        queue.weight[j] = queue.weight[j + 1];
    }
    queue.count[0] = n - 1;
}

// net_event: a spike of an artificial cell at an exact time.
__device__ __forceinline__ void fire(
    const Table *p, int index, long long step, double time, int source
) {
    if (source < 0) return;
    const long long first = p->fired_ptr[index];
    const long long k = p->fired_count[2 * index];
    if (k == p->fired_ptr[index + 1] - first) {
        p->fired_count[2 * index + 1] += 1;
        return;
    }
    p->fired_step[first + k] = step;
    p->fired_time[first + k] = time;
    p->fired_source[first + k] = source;
    p->fired_count[2 * index] = k + 1;
}

@mechanisms@

// Sample the state at the start of a step.
__device__ __forceinline__ void sample_state(const Table *p, const Cell &cell, long long step) {
    bool due = false;
#pragma unroll 1
    for (int k = 0; k < p->n_probe; ++k) due = due || step % p->probe_every[k] == 0;
    if (!due) return;
    const long long last = p->entry_ptr[cell.index + 1];
#pragma unroll 1
    for (long long j = p->entry_ptr[cell.index] + cell.lane; j < last; j += THREADS) {
        const int probe = p->entry_probe[j];
        const long long every = p->probe_every[probe];
        if (step % every != 0) continue;
        const long long row = step / every - p->probe_first[probe];
        const int array = p->entry_array[j];
        const long long place = p->entry_place[j];
        p->samples[p->probe_offset[probe] + row * p->probe_width[probe] + p->entry_column[j]] =
            array < 0 ? cell.voltage[place] : p->sampled[array][place];
    }
}

// Threshold crossings on the voltage just reached.
__device__ __forceinline__ void find_spikes(const Table *p, const Cell &cell, long long step) {
    const long long last = p->source_ptr[cell.index + 1];
#pragma unroll 1
    for (long long j = p->source_ptr[cell.index] + cell.lane; j < last; j += THREADS) {
        const int above = cell.voltage[p->source_node[j]] > p->source_threshold[j];
        if (above && !p->source_above[j]) {
            const int k = p->spike_count[j];
            p->spike_step[k * p->n_detector + j] = step;
            p->spike_count[j] = k + 1;
        }
        p->source_above[j] = above;
    }
}

__device__ __forceinline__ void receive(
    const Table *p, const Cell &cell, const Queue &queue, long long step, int mechanism,
    long long i, long long w, double flag, double t
) {
    switch (mechanism) {
@receives@
    }
}

// Events due by the middle of a step, in order of time; e is the next one from other cells.
#if QUEUE
__device__ __forceinline__ void deliver_events(
    const Table *p, const Cell &cell, const Queue &queue, long long step, double limit, int &e
) {
    const int last = p->event_ptr[cell.index + 1];
    if (cell.lane != 0) return;
    for (;;) {
        int s = -1;
        if (queue.count[0] > 0) s = earliest(queue, limit + 1e-9 * p->dt);
        bool external = e < last && p->event_step[e] == step &&
            (limit > (double)step * p->dt || p->event_time[e] <= limit + 1e-9 * p->dt);
        if (external && s >= 0) external = p->event_time[e] <= queue.time[s];
        if (!external && s < 0) break;
        const int mechanism = external ? p->event_mechanism[e] : queue.mechanism[s];
        const int instance = external ? p->event_instance[e] : queue.instance[s];
        const long long weight = external ? p->event_weight[e] : queue.weight[s];
        const double flag = external ? 0.0 : queue.flag[s];
        const double time = external ? p->event_time[e] : queue.time[s];
        if (external) ++e;
        else remove(queue, s);
        receive(p, cell, queue, step, mechanism, instance, weight, flag, time);
    }
}
#else
// No mechanism sends self-events or writes ions: each thread delivers to its own instances.
__device__ __forceinline__ void deliver_events(
    const Table *p, const Cell &cell, const Queue &queue, long long step, double middle, int &e
) {
    const int last = p->event_ptr[cell.index + 1];
#pragma unroll 1
    for (; e < last && p->event_step[e] == step; ++e)
        if (p->event_instance[e] % THREADS == cell.lane)
            receive(
                p, cell, queue, step, p->event_mechanism[e], p->event_instance[e],
                p->event_weight[e], 0.0, p->event_time[e]
            );
}
#endif

// Solve the cable equation: `right` becomes the new voltage. A node's inverse pivot takes the
// place of its diagonal; what it receives is pulled in the serial order of the elimination.
//
// A step of single precision solves for the change of the voltage. What flows between neighbours at
// the present voltage is added to both when the first of the two is eliminated: the difference of
// two voltages loses nothing in float32. Couplings made on the way are negative there: they carry a
// change, but no flow.
#if SINGLE && CONDENSED
__device__ __forceinline__ Real size(Real coupling) { return fabsf(coupling); }
__device__ __forceinline__ Real made(Real coupling) { return -coupling; }
__device__ __forceinline__ Real flow(Real coupling, Real difference) {
    return (coupling > 0 ? coupling : 0) * difference;
}
#else
__device__ __forceinline__ Real size(Real coupling) { return coupling; }
__device__ __forceinline__ Real made(Real coupling) { return coupling; }
__device__ __forceinline__ Real flow(Real coupling, Real difference) {
    return coupling * difference;
}
#endif

__device__ __forceinline__ void pull_node(const Cell &cell, int i, Real &d, Real &q) {
    const Real *diagonal = cell.diagonal, *right = cell.right;
    d = diagonal[i];
    q = right[i];
#if SINGLE
    const Real v = cell.voltage[i];
#endif
    const int last_child = cell.child_ptr[i + 1];
#pragma unroll 1
    for (int c = cell.child_ptr[i]; c < last_child; ++c) {
        const int k = cell.child[c];
#if TILED
        if (k >= cell.outside) {
            d -= cell.left[2 * (k - cell.outside)];
            q += cell.left[2 * (k - cell.outside) + 1];
            continue;
        }
#endif
#if CONDENSED
        const int j = k < cell.far ? k : k - cell.far;  // from there on: i is the other of j
        const Real coupling = cell.coupling[k];
#else
        const int j = k;
        const Real coupling = cell.axial[j];
#endif
        const Real axial = size(coupling);
        const Real factor = axial * diagonal[j];
        d -= factor * axial;
#if SINGLE
        q += factor * right[j] - flow(coupling, v - cell.voltage[j]);
#else
        q += factor * right[j];
#endif
    }
}

__device__ __forceinline__ void eliminate_node(const Cell &cell, int i) {
    Real d, q;
    pull_node(cell, i, d, q);
    const Real inverse = (Real)1 / d;
    cell.diagonal[i] = inverse;
#if SINGLE
    const Real v = cell.voltage[i];
#endif
#if SINGLE && CONDENSED
    q += flow(cell.coupling[i], cell.voltage[cell.parent[i]] - v);
#elif SINGLE
    q += flow(cell.axial[i], cell.voltage[cell.parent[i]] - v);
#endif
#if CONDENSED
    const int other = cell.other[i];
    if (other != i) {
        const Real far = cell.coupling[other];
#if SINGLE
        q += flow(far, cell.voltage[other] - v);
#endif
        cell.coupling[other] = made(size(cell.coupling[i]) * inverse * size(far));
        cell.coupling[cell.far + i] = far;
    }
#endif
    cell.right[i] = q;
}

__device__ __forceinline__ void substitute_node(const Cell &cell, int i) {
    Real *right = cell.right;
#if CONDENSED
    Real known = right[i] + size(cell.coupling[i]) * right[cell.parent[i]];
    if (cell.other[i] != i) known += size(cell.coupling[cell.far + i]) * right[cell.other[i]];
#else
    const Real known = right[i] + cell.axial[i] * right[cell.parent[i]];
#endif
    right[i] = known * cell.diagonal[i];
}

__device__ __forceinline__ void solve_root_node(const Cell &cell) {
    Real d, q;
    pull_node(cell, cell.n - 1, d, q);
    cell.right[cell.n - 1] = q / d;
}

// The levels before `end`. A level holds no more nodes than there are lanes, the last one of a cell
// the root alone.
__device__ __forceinline__ void eliminate_levels(const Cell &cell, int end) {
    int first = 0;
    for (int level = 0; level < end; ++level) {
        const int last = cell.level_ptr[level + 1];
        if (cell.lane < LANES && first + cell.lane < last) eliminate_node(cell, first + cell.lane);
        first = last;
        sync_tree();
    }
}

// From level `top` down, which ends before node `last`.
__device__ __forceinline__ void substitute_levels(const Cell &cell, int top, int last) {
    for (int level = top; level >= 0; --level) {
        sync_tree();
        const int first = cell.level_ptr[level];
        if (cell.lane < LANES && first + cell.lane < last) substitute_node(cell, first + cell.lane);
        last = first;
    }
}

#if !TILED
__device__ __forceinline__ void solve_cable(const Cell &cell) {
    if ((cell.lane < LANES || LANES > 32) && cell.n > 0) {
        eliminate_levels(cell, cell.n_level - 1);
        if (cell.lane == 0) solve_root_node(cell);
        substitute_levels(cell, cell.n_level - 2, cell.n - 1);
    }
    __syncthreads();
}
#endif

// Reversal potentials [mV] from concentrations [mM] at some nodes of the cell.
__device__ __forceinline__ void update_reversal(
    const Cell &cell, const long long *ptr, const int *node, const Real *inside,
    const Real *outside, Real *reversal, Real valence, Real celsius
) {
#pragma unroll 1
    for (long long j = ptr[cell.index] + cell.lane; j < ptr[cell.index + 1]; j += THREADS) {
        const long long o = cell.first + node[j];
        reversal[o] = k_nernst(inside[o], outside[o], valence, celsius);
    }
}

__device__ __forceinline__ void clear_currents(const Table *p, const Cell &cell) {
    for (long long o = cell.first + cell.lane; o < cell.first + cell.n; o += THREADS) {
@clears@
    }
}

// Currents and conductances of all mechanisms into the matrix.
__device__ __forceinline__ void add_currents(const Table *p, const Cell &cell, double t) {
    for (int i = cell.lane; i < cell.n; i += THREADS) {
#if CONDENSED && TILED
        if (!cell.is_trunk) cell.coupling[i] = p->axial[cell.first + i];  // tiles change the trunk's
#elif CONDENSED
        cell.coupling[i] = p->axial[cell.first + i];
#endif
        cell.diagonal[i] = p->fixed[cell.first + i];
        const Real v = cell.voltage[i];
#if SINGLE
        cell.right[i] = p->constant[cell.first + i] - p->leak[cell.first + i] * v;
#else
        cell.right[i] = p->storage[cell.first + i] * v + p->constant[cell.first + i];
#endif
    }
    clear_currents(p, cell);
    __syncthreads();
@currents@
}

// Currents that never change become part of the matrix: conductance, and current at 0 mV.
__device__ __forceinline__ void add_constant_currents(const Table *p, const Cell &cell) {
    const double t = 0.0;
    for (int i = cell.lane; i < cell.n; i += THREADS) {
        cell.diagonal[i] = 0;
        cell.right[i] = 0;
    }
    __syncthreads();
@constants@
    for (int i = cell.lane; i < cell.n; i += THREADS) {
        p->fixed[cell.first + i] = p->passive[cell.first + i] + cell.diagonal[i];
#if SINGLE
        p->leak[cell.first + i] = cell.diagonal[i];
#endif
        p->constant[cell.first + i] = cell.right[i];
    }
    __syncthreads();
}

// Spikes of the epoch before are with the host, but those of artificial cells that `reset` left.
__device__ __forceinline__ void clear_counts(const Table *p, const Cell &cell) {
    const long long last = p->source_ptr[cell.index + 1];
#pragma unroll 1
    for (long long j = p->source_ptr[cell.index] + cell.lane; j < last; j += THREADS)
        p->spike_count[j] = 0;
    if (cell.lane == 0 && !p->keep_fired) p->fired_count[2 * cell.index] = 0;
}

// What the host must know of a cell, as bits: a voltage is no number, self-events or spikes did not
// fit, there are spikes of artificial cells. All threads are done.
__device__ __forceinline__ void tell_status(const Table *p, const Cell &cell, int wrong) {
    if (cell.lane != 0) return;
    const long long *pending = p->self_count + 2 * cell.index;
    const long long *fired = p->fired_count + 2 * cell.index;
    p->status[cell.index] =
        (wrong ? 1 : 0) | (pending[1] || fired[1] ? 2 : 0) | (fired[0] ? 4 : 0);
}

// All of a step that comes before its solution.
__device__ __forceinline__ void begin_step(
    const Table *p, const Cell &cell, const Queue &queue, long long step, int &e
) {
    const double now = (double)step * p->dt;
    const double middle = now + 0.5 * p->dt;
    sample_state(p, cell, step);
    find_spikes(p, cell, step);
    __syncthreads();
@watches@
    deliver_events(p, cell, queue, step, middle, e);
    __syncthreads();
@before_breakpoints@
@reversals@
    add_currents(p, cell, middle);
}

__device__ __forceinline__ void update_voltages(const Table *p, const Cell &cell) {
    for (int i = cell.lane; i < cell.n; i += THREADS) {
        const Real v = cell.right[i];
#if SINGLE
        cell.voltage[i] += p->half_step ? v + v : v;
#else
        cell.voltage[i] = p->half_step ? 2.0 * v - cell.voltage[i] : v;
#endif
    }
    __syncthreads();
}

// All of a step that comes after its solution.
__device__ __forceinline__ void end_step(const Table *p, const Cell &cell, long long step) {
    const double now = (double)step * p->dt;
    const double t = now + p->dt;
@states@
    __syncthreads();
@ends@
}

__device__ __forceinline__ void check_voltages(const Table *p, const Cell &cell) {
    bool wrong = false;
    for (int i = cell.lane; i < cell.n; i += THREADS) {
        const Real v = cell.voltage[i];
        wrong = wrong || !((v <= LARGEST && v >= -LARGEST));
#if !LARGE
        p->voltage[cell.first + i] = v;
#endif
    }
    tell_status(p, cell, __syncthreads_or(wrong));
}

// INITIAL of every mechanism and connection, first currents.
__device__ __forceinline__ void initialise(const Table *p, const Cell &cell, const Queue &queue) {
    const long long step = 0;
    const double t = 0.0;
@initial_reversals@
    __syncthreads();
@before_initials@
@inits@
    if (cell.lane == 0) {
        const long long last_connection = p->connection_ptr[cell.index + 1];
        for (long long c = p->connection_ptr[cell.index]; c < last_connection; ++c) {
            const long long i = p->connection_instance[c], w = p->connection_weight[c];
            const double flag = 0.0;
            switch (p->connection_mechanism[c]) {
@receive_inits@
            }
        }
    }
    __syncthreads();
@after_initials@
    add_constant_currents(p, cell);
    add_currents(p, cell, 0.0);
@before_steps@
    tell_status(p, cell, 0);
}

#if !TILED
extern "C" __global__ void __launch_bounds__(THREADS, MIN_BLOCKS)
advance(const Table *p, long long first, long long last, int first_cell) {
    extern __shared__ double shared[];
    const Cell cell = open_cell(p, first_cell + (int)blockIdx.x, (Real *)shared);
    const Queue queue = open_queue(p, cell.index);
    int e = p->event_ptr[cell.index];
    clear_counts(p, cell);
    for (long long step = first; step < last; ++step) {
        begin_step(p, cell, queue, step, e);
        solve_cable(cell);
        update_voltages(p, cell);
        end_step(p, cell, step);
    }
    check_voltages(p, cell);
}

// Initialise at step 0.
extern "C" __global__ void __launch_bounds__(THREADS, MIN_BLOCKS)
reset(const Table *p, long long first, long long last, int first_cell) {
    extern __shared__ double shared[];
    const Cell cell = open_cell(p, first_cell + (int)blockIdx.x, (Real *)shared);
    initialise(p, cell, open_queue(p, cell.index));
}
#endif
