// The tree solver as published systems shape it, for comparison: the matrix lies in global memory, a
// lane walks from node to node by strides of its warp, a parent is updated by atomic additions, and
// nothing but the lock step of a warp orders the lanes. One launch a time step.
//
// Nodes of a warp's cells are stored level by level, the roots first; level l holds the nodes
// level_ptr[l] to level_ptr[l + 1], all levels of all warps in one table.

struct Table {
    const double *axial;     // to the parent
    double *diagonal, *right;
    const int *parent;       // place of the parent
    const int *level_ptr;    // of all warps, one after the other
    const int *level_first;  // of each warp
};

extern "C" __global__ void __launch_bounds__(THREADS)
advance(const Table *p, long long first, long long last, int first_warp) {
    const int warp = first_warp + (int)(blockIdx.x * (THREADS / 32) + threadIdx.x / 32);
    const int lane = (int)threadIdx.x % 32;
    const int begin = p->level_first[warp], end = p->level_first[warp + 1] - 1;
    for (int level = end - 1; level > begin; --level) {
        const int i = p->level_ptr[level] + lane;
        if (i < p->level_ptr[level + 1]) {
            const double factor = p->axial[i] / p->diagonal[i];
            const int above = p->parent[i];
            atomicAdd(&p->diagonal[above], -factor * p->axial[i]);
            atomicAdd(&p->right[above], factor * p->right[i]);
        }
        __syncwarp(0xffffffffu);  // where the original trusts the lock step
    }
    const int root = p->level_ptr[begin] + lane;
    if (root < p->level_ptr[begin + 1]) p->right[root] /= p->diagonal[root];
    __syncwarp(0xffffffffu);
    for (int level = begin + 1; level < end; ++level) {
        const int i = p->level_ptr[level] + lane;
        if (i < p->level_ptr[level + 1])
            p->right[i] = (p->right[i] + p->axial[i] * p->right[p->parent[i]]) / p->diagonal[i];
        __syncwarp(0xffffffffu);
    }
}

extern "C" __global__ void reset(const Table *p, long long first, long long last, int warp) {}
