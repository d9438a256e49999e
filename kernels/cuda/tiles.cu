// Cells too large for shared memory, a tile after the other: what follows `kernel.cu` where TILED.
//
// A cell is cut (`kernels.schedule.tiles`) into tiles of at most TILE nodes, which hang from a
// trunk and do not meet elsewhere. A block of threads goes over the pieces of its cell, the trunk
// last. At a tile it ends a step and begins the next one:
//
//     load      what elimination left of the nodes: inverse pivots, right-hand sides, couplings
//     end       substitute from the trunk's solution, voltages, states
//     begin     samples, spikes, events, currents, elimination
//     leave     to the trunk what its nodes pull
//     store     what was loaded
//
// The trunk stays in shared memory for the whole launch: its step ends and begins likewise, and it
// is solved at once. So a node travels once each way a step. Between two solutions pieces know
// nothing of each other (POINTERs, which do, are for LARGE cells), so that their order changes
// nothing; and what a node pulls from tiles comes to it in its stored order.
//
// Slots of shared memory: node i of the tile at i, node i of the trunk at TILE + i, and so do
// indices name them. Tiles change couplings of the trunk, which are therefore set before any tile
// of the step comes.
#if TILED

#define KEEPS_VOLTAGE (SINGLE || p->half_step)  // else the solution is the voltage

// The pieces of a cell, and where they lie.
struct Pieces {
    int first, trunk;  // indices of pieces
    int span;          // slots
    long long n_head;  // pulls of the trunk that `gather` takes, before what tiles left besides
    const int *head;   // (nodes of the trunk + 1)
    Real *memory;
    Small *indices, *tile_indices;  // of the trunk, of the tile
};

// A piece in its slots; its indices are to be copied, or there.
__device__ __forceinline__ Cell place_piece(const Table *p, const Pieces &whole, int index) {
    const bool is_trunk = index == whole.trunk;
    const int span = whole.span;
    Cell cell;
    cell.index = index;
    cell.lane = (int)threadIdx.x;
    cell.first = p->node_ptr[index];
    const int n = (int)(p->node_ptr[index + 1] - cell.first);
    const int n_child = (int)(p->child_first[index + 1] - p->child_first[index]);
    cell.n = n;
    cell.n_level = (int)(p->level_first[index + 1] - p->level_first[index]) - 1;
    cell.is_trunk = is_trunk;
    Real *slots = whole.memory + (is_trunk ? TILE : 0);
    cell.voltage = apart(slots);
    cell.diagonal = apart(slots + span);
    cell.right = apart(slots + 2 * span);
    Small *small = is_trunk ? whole.indices : whole.tile_indices;
    cell.parent = small;
    cell.child = small + n;
    cell.child_ptr = small + n + n_child;
    cell.level_ptr = small + 2 * n + n_child + 1;
#if CONDENSED
    cell.coupling = slots + 3 * span;
    cell.far = span;
    cell.other = small + 2 * n + n_child + 1 + cell.n_level + 1;
    cell.outside = 2 * span;
#else
    cell.axial = slots + 3 * span;
    cell.outside = span;
#endif
    cell.left = p->left + 2 * whole.n_head;
    return cell;
}

// Indices of a piece, two a word, in the order of their places.
__device__ __forceinline__ void copy_indices(const Table *p, const Cell &cell) {
    const int *from = p->index + p->index_first[cell.index];
    const int n = (int)(p->index_first[cell.index + 1] - p->index_first[cell.index]);
    int *to = (int *)cell.parent;
    for (int i = cell.lane; i < n; i += THREADS) to[i] = from[i];
}

// Couplings as before any node is eliminated.
__device__ __forceinline__ void set_couplings(const Table *p, const Cell &cell) {
    for (int i = cell.lane; i < cell.n; i += THREADS)
#if CONDENSED
        cell.coupling[i] = p->axial[cell.first + i];
#else
        ((Real *)cell.axial)[i] = p->axial[cell.first + i];
#endif
}

__device__ __forceinline__ void load_voltages(const Table *p, const Cell &cell) {
    for (int i = cell.lane; i < cell.n; i += THREADS) cell.voltage[i] = p->voltage[cell.first + i];
}

// Find the pieces of a cell; its trunk comes into shared memory.
__device__ __forceinline__ Pieces open_pieces(const Table *p, int index, Real *memory) {
    Pieces whole;
    whole.first = (int)p->piece_ptr[index];
    whole.trunk = (int)p->piece_ptr[index + 1] - 1;
    const int n = (int)(p->node_ptr[whole.trunk + 1] - p->node_ptr[whole.trunk]);
    const int n_word = (int)(p->index_first[whole.trunk + 1] - p->index_first[whole.trunk]);
    whole.span = TILE + n;
    whole.head = p->head_ptr + p->head_first[index];
    whole.n_head = whole.head[n];
    whole.memory = memory;
    whole.indices = (Small *)(memory + (4 + CONDENSED) * whole.span);
    whole.tile_indices = whole.indices + 2 * n_word;
    const Cell trunk = place_piece(p, whole, whole.trunk);
    copy_indices(p, trunk);
    set_couplings(p, trunk);
    load_voltages(p, trunk);
    __syncthreads();
    return whole;
}

// A tile as elimination left it, or, before the first step of a launch, as the last one ended; and
// all threads see it.
__device__ __forceinline__ void load_tile(const Table *p, const Cell &cell, int eliminated) {
#if !CONDENSED
    set_couplings(p, cell);
#endif
    if (!eliminated || KEEPS_VOLTAGE) load_voltages(p, cell);
#if CONDENSED
    const Real *coupling = p->coupling + 2 * cell.first;
#endif
    for (int i = cell.lane; eliminated && i < cell.n; i += THREADS) {
        const long long o = cell.first + i;
        cell.diagonal[i] = p->diagonal[o];
        cell.right[i] = p->right[o];
#if CONDENSED
        cell.coupling[i] = coupling[i];
#endif
    }
    copy_indices(p, cell);
    __syncthreads();
#if CONDENSED
    for (int i = cell.lane; eliminated && i < cell.n; i += THREADS)
        if (cell.other[i] != i)
            cell.coupling[cell.far + i] = coupling[cell.n + i];
    __syncthreads();
#endif
}

__device__ __forceinline__ void store_tile(const Table *p, const Cell &cell) {
    for (int i = cell.lane; i < cell.n; i += THREADS) {
        const long long o = cell.first + i;
        p->diagonal[o] = cell.diagonal[i];
        p->right[o] = cell.right[i];
#if CONDENSED
        Real *coupling = p->coupling + 2 * cell.first;
        coupling[i] = cell.coupling[i];
        if (cell.other[i] != i) coupling[cell.n + i] = cell.coupling[cell.far + i];
#endif
        if (KEEPS_VOLTAGE) p->voltage[o] = cell.voltage[i];
    }
}

// What the trunk pulls from a tile.
__device__ __forceinline__ void leave(const Table *p, const Cell &cell) {
    const long long last = p->outlet_ptr[cell.index + 1];
    for (long long o = p->outlet_ptr[cell.index] + cell.lane; o < last; o += THREADS) {
        const int k = p->outlet_child[o];
#if CONDENSED
        const int j = k < cell.far ? k : k - cell.far;
        const Real coupling = cell.coupling[k];
#else
        const int j = k;
        const Real coupling = cell.axial[j];
#endif
        const Real axial = size(coupling);
        const Real factor = axial * cell.diagonal[j];
        Real *to = p->left + 2 * (long long)p->outlet_slot[o];
        to[0] = factor * axial;
#if SINGLE
        const Real v = cell.voltage[TILE + p->outlet_target[o]];
        to[1] = factor * cell.right[j] - flow(coupling, v - cell.voltage[j]);
#else
        to[1] = factor * cell.right[j];
#endif
    }
}

// What nodes of the trunk pull from tiles before they pull anything else.
__device__ __forceinline__ void gather(const Table *p, const Cell &trunk, const int *head) {
    for (int i = trunk.lane; i < trunk.n; i += THREADS) {
        Real d = trunk.diagonal[i], q = trunk.right[i];
        const int last = head[i + 1];
        for (int k = head[i]; k < last; ++k) {
            d -= p->left[2 * (long long)k];
            q += p->left[2 * (long long)k + 1];
        }
        trunk.diagonal[i] = d;
        trunk.right[i] = q;
    }
    __syncthreads();
}

extern "C" __global__ void __launch_bounds__(THREADS, MIN_BLOCKS)
advance(const Table *p, long long first, long long last, int first_cell) {
    extern __shared__ double shared[];
    const Pieces whole = open_pieces(p, first_cell + (int)blockIdx.x, (Real *)shared);
#pragma unroll 1
    for (long long step = first; step <= last; ++step) {
#pragma unroll 1
        for (int index = whole.first; index <= whole.trunk; ++index) {
            const bool is_trunk = index == whole.trunk;
            const Cell cell = place_piece(p, whole, index);
            if (!is_trunk) load_tile(p, cell, step > first);
            if (step > first) {
                if (!is_trunk) {
                    if (cell.lane < LANES || LANES > 32)
                        substitute_levels(cell, cell.n_level - 1, cell.n);
                    __syncthreads();
                    update_voltages(p, cell);
                }
                end_step(p, cell, step - 1);
            }
            if (step == first) clear_counts(p, cell);
            if (step < last) {
                const Queue queue = open_queue(p, index);
                int e = step == first ? p->event_ptr[index] : p->event_next[index];
                begin_step(p, cell, queue, step, e);
                if (cell.lane == 0) p->event_next[index] = e;
                if (is_trunk) gather(p, cell, whole.head);
                if (cell.lane < LANES || LANES > 32) {
                    eliminate_levels(cell, is_trunk ? cell.n_level - 1 : cell.n_level);
                    if (is_trunk && cell.n > 0) {
                        if (cell.lane == 0) solve_root_node(cell);
                        substitute_levels(cell, cell.n_level - 2, cell.n - 1);
                    }
                }
                __syncthreads();
                if (is_trunk) {
                    update_voltages(p, cell);
#if CONDENSED
                    set_couplings(p, cell);
#endif
                } else {
                    leave(p, cell);
                    store_tile(p, cell);
                }
            } else {
                check_voltages(p, cell);
            }
            __syncthreads();
        }
    }
}

// Initialise at step 0.
extern "C" __global__ void __launch_bounds__(THREADS, MIN_BLOCKS)
reset(const Table *p, long long first, long long last, int first_cell) {
    extern __shared__ double shared[];
    const Pieces whole = open_pieces(p, first_cell + (int)blockIdx.x, (Real *)shared);
#pragma unroll 1
    for (int index = whole.first; index <= whole.trunk; ++index) {
        const Cell cell = place_piece(p, whole, index);
        if (index != whole.trunk) load_tile(p, cell, false);
        initialise(p, cell, open_queue(p, index));
        __syncthreads();
    }
}
#endif
