// What CUDA C++ text may use, for a C++ compiler: the text then runs on the CPU.
//
// Every CUDA thread is a fibre with a stack of its own. Fibres run one at a time, each until it
// comes to a barrier or to its end; then the next one runs, in ascending, descending or random
// order. A barrier lets its threads go when all of them have come to it; those of a block must have
// come to the same line, as the machine's barriers want it. Only what stands here exists: a kernel
// that uses anything else does not compile.

#define __global__
#define __device__
#define __constant__ static
#define __host__
#define __shared__
#define __restrict__
#define __forceinline__ inline
#define __launch_bounds__(...)
#define __builtin_assume(...)

struct Index {
    unsigned x = 0, y = 0, z = 0;
};
static Index threadIdx, blockIdx, blockDim, gridDim;

void wait_for_warp(unsigned mask);
bool wait_for_block(bool vote, int line);
static inline void __syncwarp(unsigned mask) { wait_for_warp(mask); }
#define __syncthreads() wait_for_block(false, __LINE__)
#define __syncthreads_or(vote) ((int)wait_for_block((vote) != 0, __LINE__))

static inline double __fma_rn(double a, double b, double c) { return __builtin_fma(a, b, c); }
static inline double __dsqrt_rn(double x) { return __builtin_sqrt(x); }
static inline double fabs(double x) { return __builtin_fabs(x); }
static inline double floor(double x) { return __builtin_floor(x); }
static inline double ceil(double x) { return __builtin_ceil(x); }
static inline double fmod(double x, double y) { return __builtin_fmod(x, y); }
static inline float __fmaf_rn(float a, float b, float c) { return __builtin_fmaf(a, b, c); }
static inline float __fsqrt_rn(float x) { return __builtin_sqrtf(x); }
static inline float fabsf(float x) { return __builtin_fabsf(x); }
static inline float floorf(float x) { return __builtin_floorf(x); }
static inline float ceilf(float x) { return __builtin_ceilf(x); }
static inline float __int_as_float(int n) {
    float x;
    __builtin_memcpy(&x, &n, sizeof x);
    return x;
}
static inline int __float_as_int(float x) {
    int n;
    __builtin_memcpy(&n, &x, sizeof n);
    return n;
}
static inline double __longlong_as_double(long long n) {
    double x;
    __builtin_memcpy(&x, &n, sizeof x);
    return x;
}
static inline long long __double_as_longlong(double x) {
    long long n;
    __builtin_memcpy(&n, &x, sizeof n);
    return n;
}
