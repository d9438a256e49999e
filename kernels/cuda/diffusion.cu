// States that move along the cable; see kernels.diffusion.
//
// A vertex stands for an instance of a mechanism; vertices lie in order of elimination, the root
// last. All threads fill the matrix and take over the solution, a vertex each; the first LANES
// threads solve, as in the cable equation, with the same pulls in the same order.

struct Spread {
    int n, n_level;
    const int *parent, *other;  // other: the vertex itself: none
    const int *child, *child_ptr, *level_ptr;
    const int *first_parent, *first_child, *first_child_ptr;  // before any is eliminated
    const long long *instance;
    const Real *reach, *share;  // reach: to the first parent
    Real *value, *flow, *diagonal, *right;
    Real *coupling;  // of n vertices to their parents, then to their others
};

__device__ __forceinline__ void fill_matrix(const Cell &cell, const Spread &s) {
    for (int i = cell.lane; i < s.n; i += THREADS) {
        const Real value = s.value[i], flow = s.flow[i];
        Real d = s.diagonal[i], q = 0;
        const int last_child = s.first_child_ptr[i + 1];
#pragma unroll 1
        for (int c = s.first_child_ptr[i]; c < last_child; ++c) {
            const int o = s.first_child[c];
            const Real conductance = (flow + s.flow[o]) * s.reach[o];
            d += conductance;
            q += conductance * (s.value[o] - value);
        }
        if (i != s.n - 1) {
            const int o = s.first_parent[i];
            const Real conductance = (flow + s.flow[o]) * s.reach[i];
            d += conductance;
            q += conductance * (s.value[o] - value);
            s.coupling[i] = conductance;
        }
        s.diagonal[i] = d;
        s.right[i] = q;
    }
}

__device__ __forceinline__ void eliminate_vertex(const Spread &s, int i) {
    Real d = s.diagonal[i], q = s.right[i];
    const int last_child = s.child_ptr[i + 1];
#pragma unroll 1
    for (int c = s.child_ptr[i]; c < last_child; ++c) {
        const int k = s.child[c];
        const int j = k < s.n ? k : k - s.n;  // from n on: i is the other of j
        const Real factor = s.coupling[k] * s.diagonal[j];
        d -= factor * s.coupling[k];
        q += factor * s.right[j];
    }
    if (i == s.n - 1) {
        s.right[i] = q / d;
        return;
    }
    const Real inverse = (Real)1 / d;
    s.diagonal[i] = inverse;
    s.right[i] = q;
    const int other = s.other[i];
    if (other != i) {
        const Real far = s.coupling[other];
        s.coupling[other] = s.coupling[i] * inverse * far;
        s.coupling[s.n + i] = far;
    }
}

__device__ __forceinline__ void substitute_vertex(const Spread &s, int i) {
    Real known = s.right[i] + s.coupling[i] * s.right[s.parent[i]];
    if (s.other[i] != i) known += s.coupling[s.n + i] * s.right[s.other[i]];
    s.right[i] = known * s.diagonal[i];
}

// `right` becomes the change of the values.
__device__ __forceinline__ void solve_spread(const Cell &cell, const Spread &s) {
    const int lane = cell.lane;
    fill_matrix(cell, s);
    __syncthreads();
    if (lane < LANES || LANES > 32) {
        for (int level = 0; level < s.n_level; ++level) {
            const int last = s.level_ptr[level + 1];
            for (int i = s.level_ptr[level] + lane; lane < LANES && i < last; i += LANES)
                eliminate_vertex(s, i);
            sync_tree();
        }
        for (int level = s.n_level - 2; level >= 0; --level) {
            const int last = s.level_ptr[level + 1];
            for (int i = s.level_ptr[level] + lane; lane < LANES && i < last; i += LANES)
                substitute_vertex(s, i);
            sync_tree();
        }
    }
    __syncthreads();
}
