// Runs the kernels of the text before this file: blocks one after the other, threads as fibres.
//
// Under ThreadSanitizer every fibre is a thread of its own, so that it finds what a missing barrier
// lets happen. For that to be sound:
// - a switch orders nothing, but into a fibre's first run and out of its last;
// - a barrier releases on arrival and acquires on leaving, on a token that changes with every
//   generation of the barrier: one that leaves late must not acquire what an early one releases for
//   the next barrier;
// - the bookkeeping here is not watched.
// Under AddressSanitizer nobody may touch what lies behind a block's shared memory.

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#if !defined(__x86_64__)
#include <ucontext.h>
#endif

#if defined(__SANITIZE_THREAD__)
#define UNWATCHED __attribute__((no_sanitize_thread))
extern "C" {
void *__tsan_get_current_fiber();
void *__tsan_create_fiber(unsigned flags);
void __tsan_destroy_fiber(void *fiber);
void __tsan_switch_to_fiber(void *fiber, unsigned flags);
void __tsan_acquire(void *token);
void __tsan_release(void *token);
}
#else
#define UNWATCHED
#endif
#if defined(__SANITIZE_ADDRESS__)
extern "C" void __asan_poison_memory_region(const volatile void *start, size_t size);
extern "C" void __asan_unpoison_memory_region(const volatile void *start, size_t size);
#endif

namespace {

constexpr int MAX_THREADS = 1024;
constexpr size_t STACK = 256 << 10;
enum State { READY, AT_WARP, AT_BLOCK, DONE };
enum Outcome { WELL, DEADLOCK, WRITTEN_BEHIND, APART };

struct Fibre {
#if defined(__x86_64__)
    void *stack_pointer;
#else
    ucontext_t context;
#endif
    State state;
    unsigned mask;
    int line;  // of the barrier of the block
    bool vote;
    bool started;
    void *watched;  // ThreadSanitizer's name for it
};

Fibre fibres[MAX_THREADS];
Fibre scheduler;
char *stacks = nullptr;
int n_thread, current, order_seed;
bool verdict;
uint64_t random_state;
void (*body)();
char block_token[2], warp_token[MAX_THREADS / 32][2];
unsigned block_generation, warp_generation[MAX_THREADS / 32];

#if defined(__x86_64__)
// Keeps the registers that a call must keep, and the stack pointer; takes those of another fibre.
extern "C" void shim_switch(void **from, void *to);
__asm__(R"(
.text
.globl shim_switch
.type shim_switch,@function
shim_switch:
    pushq %rbp
    pushq %rbx
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    movq %rsp, (%rdi)
    movq %rsi, %rsp
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbx
    popq %rbp
    ret
.size shim_switch, .-shim_switch
)");
UNWATCHED void jump(Fibre &from, Fibre &to) { shim_switch(&from.stack_pointer, to.stack_pointer); }
#else
UNWATCHED void jump(Fibre &from, Fibre &to) { swapcontext(&from.context, &to.context); }
#endif

UNWATCHED void change(Fibre &from, Fibre &to) {
#if defined(__SANITIZE_THREAD__)
    const unsigned orders_nothing = 1;
    bool is_first = &from == &scheduler && !to.started, is_last = from.state == DONE;
    to.started = true;
    __tsan_switch_to_fiber(to.watched, is_first || is_last ? 0 : orders_nothing);
#endif
    jump(from, to);
}

UNWATCHED void run_thread() {
    body();
    fibres[current].state = DONE;
    change(fibres[current], scheduler);
}

UNWATCHED void prepare(int k) {
    char *top = stacks + STACK * (k + 1);
    fibres[k].state = READY;
    fibres[k].started = false;
#if defined(__SANITIZE_THREAD__)
    fibres[k].watched = __tsan_create_fiber(0);
#endif
#if defined(__x86_64__)
    void **stack = (void **)top - 2;
    stack[0] = (void *)run_thread;
    stack[1] = nullptr;  // the stack is 16 bytes aligned after the return into run_thread
    fibres[k].stack_pointer = stack - 6;
#else
    getcontext(&fibres[k].context);
    fibres[k].context.uc_stack.ss_sp = top - STACK;
    fibres[k].context.uc_stack.ss_size = STACK;
    fibres[k].context.uc_link = nullptr;
    makecontext(&fibres[k].context, run_thread, 0);
#endif
}

UNWATCHED void wait(State state, unsigned mask, bool vote, int line) {
    Fibre &mine = fibres[current];
    mine.state = state;
    mine.line = line;
    mine.mask = mask;
    mine.vote = vote;
#if defined(__SANITIZE_THREAD__)
    int warp = current / 32;
    char *token = state == AT_BLOCK ? &block_token[block_generation & 1]
                                    : &warp_token[warp][warp_generation[warp] & 1];
    __tsan_release(token);
#endif
    change(mine, scheduler);
#if defined(__SANITIZE_THREAD__)
    __tsan_acquire(token);
#endif
}

UNWATCHED void shuffle(int *lanes) {
    for (int k = 0; k < n_thread; ++k) lanes[k] = order_seed == 1 ? n_thread - 1 - k : k;
    if (order_seed < 2) return;
    for (int k = n_thread - 1; k > 0; --k) {
        random_state = random_state * 6364136223846793005ULL + 1442695040888963407ULL;
        int other = int((random_state >> 33) % uint64_t(k + 1));
        int lane = lanes[k];
        lanes[k] = lanes[other];
        lanes[other] = lane;
    }
}

// Lets a warp go whose threads in the mask all wait; true if any could go.
UNWATCHED bool release_warps() {
    bool any = false;
    for (int first = 0; first < n_thread; first += 32) {
        int last = first + 32 < n_thread ? first + 32 : n_thread;
        for (int k = first; k < last; ++k) {
            if (fibres[k].state != AT_WARP) continue;
            unsigned mask = fibres[k].mask;
            bool all = mask >> (k - first) & 1;
            for (int j = first; j < first + 32; ++j)
                if (mask >> (j - first) & 1)
                    all = all && j < last && fibres[j].state == AT_WARP && fibres[j].mask == mask;
            if (!all) continue;
            for (int j = first; j < last; ++j)
                if (mask >> (j - first) & 1) fibres[j].state = READY;
            warp_generation[first / 32] += 1;
            any = true;
        }
    }
    return any;
}

UNWATCHED Outcome release_block() {
    bool vote = false;
    for (int k = 0; k < n_thread; ++k) {
        if (fibres[k].state != AT_BLOCK) return DEADLOCK;
        if (fibres[k].line != fibres[0].line) return APART;
        vote = vote || fibres[k].vote;
    }
    verdict = vote;
    block_generation += 1;
    for (int k = 0; k < n_thread; ++k) fibres[k].state = READY;
    return WELL;
}

// Runs one block.
UNWATCHED Outcome run_block() {
    int lanes[MAX_THREADS];
    for (int k = 0; k < n_thread; ++k) prepare(k);
    for (;;) {
        shuffle(lanes);
        int done = 0;
        for (int k = 0; k < n_thread; ++k) {
            Fibre &next = fibres[lanes[k]];
            if (next.state == READY) {
                current = lanes[k];
                threadIdx.x = unsigned(current);
                change(scheduler, next);
            }
            done += next.state == DONE;
        }
        if (done == n_thread) {
#if defined(__SANITIZE_THREAD__)
            for (int k = 0; k < n_thread; ++k) __tsan_destroy_fiber(fibres[k].watched);
#endif
            return WELL;
        }
        if (release_warps()) continue;
        if (Outcome outcome = release_block()) return outcome;
    }
}

const Table *table_of_launch;
long long first_of_launch, last_of_launch;
int cell_of_launch;

void run_advance() { advance(table_of_launch, first_of_launch, last_of_launch, cell_of_launch); }
void run_reset() { reset(table_of_launch, first_of_launch, last_of_launch, cell_of_launch); }

}  // namespace

UNWATCHED void wait_for_warp(unsigned mask) { wait(AT_WARP, mask, false, 0); }

UNWATCHED bool wait_for_block(bool vote, int line) {
    wait(AT_BLOCK, 0, vote, line);
    return verdict;
}

alignas(128) double shared[MAX_SHARED / 8 + 16];

// Launches a kernel: 0 is advance, 1 is reset. Shared memory is NaN at the start of every block,
// and must still be so behind its end. Returns an `Outcome`.
extern "C" UNWATCHED __attribute__((visibility("default"))) int shim_launch(int kernel, int n_block, int n_shared, int order, const void *table,
                           long long first, long long last, int first_cell) {
    if (!stacks) stacks = (char *)malloc(STACK * MAX_THREADS);
    n_thread = THREADS;
    blockDim.x = THREADS;
    gridDim.x = unsigned(n_block);
    order_seed = order;
    random_state = uint64_t(order);
    table_of_launch = (const Table *)table;
    first_of_launch = first, last_of_launch = last, cell_of_launch = first_cell;
    body = kernel ? run_reset : run_advance;
    scheduler.state = READY;
#if defined(__SANITIZE_THREAD__)
    scheduler.watched = __tsan_get_current_fiber();
#endif
    for (int k = 0; k < n_block; ++k) {
        blockIdx.x = unsigned(k);
        memset(shared, 0xff, size_t(n_shared) + 64);
#if defined(__SANITIZE_ADDRESS__)
        __asan_poison_memory_region((char *)shared + n_shared, sizeof shared - size_t(n_shared));
#endif
        Outcome outcome = run_block();
#if defined(__SANITIZE_ADDRESS__)
        __asan_unpoison_memory_region(shared, sizeof shared);
#endif
        if (outcome) return outcome;
        for (int j = 0; j < 64; ++j)
            if (((unsigned char *)shared)[n_shared + j] != 0xff) return WRITTEN_BEHIND;
    }
    return WELL;
}
