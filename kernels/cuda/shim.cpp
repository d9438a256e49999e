// Runs the kernels of the text before this file: blocks one after the other, threads as fibres.

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#if !defined(__x86_64__)
#include <ucontext.h>
#endif

namespace {

constexpr int MAX_THREADS = 1024;
constexpr size_t STACK = 256 << 10;
enum State { READY, AT_WARP, AT_BLOCK, DONE };

struct Fibre {
#if defined(__x86_64__)
    void *stack_pointer;
#else
    ucontext_t context;
#endif
    State state;
    unsigned mask;
    bool vote;
};

Fibre fibres[MAX_THREADS];
Fibre scheduler;
char *stacks = nullptr;
int n_thread, current, order_seed;
bool verdict;
uint64_t random_state;
void (*body)();

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
void change(Fibre &from, Fibre &to) { shim_switch(&from.stack_pointer, to.stack_pointer); }
#else
void change(Fibre &from, Fibre &to) { swapcontext(&from.context, &to.context); }
#endif

void run_thread() {
    body();
    fibres[current].state = DONE;
    change(fibres[current], scheduler);
}

void prepare(int k) {
    char *top = stacks + STACK * (k + 1);
    fibres[k].state = READY;
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

void wait(State state, unsigned mask, bool vote) {
    Fibre &mine = fibres[current];
    mine.state = state;
    mine.mask = mask;
    mine.vote = vote;
    change(mine, scheduler);
}

void shuffle(int *lanes) {
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
bool release_warps() {
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
            any = true;
        }
    }
    return any;
}

bool release_block() {
    bool vote = false;
    for (int k = 0; k < n_thread; ++k) {
        if (fibres[k].state != AT_BLOCK) return false;
        vote = vote || fibres[k].vote;
    }
    verdict = vote;
    for (int k = 0; k < n_thread; ++k) fibres[k].state = READY;
    return true;
}

// Runs one block; false if its threads wait for each other for ever.
bool run_block() {
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
        if (done == n_thread) return true;
        if (!release_warps() && !release_block()) return false;
    }
}

const Table *table_of_launch;
long long first_of_launch, last_of_launch;
int cell_of_launch;

void run_advance() { advance(table_of_launch, first_of_launch, last_of_launch, cell_of_launch); }
void run_reset() { reset(table_of_launch, first_of_launch, last_of_launch, cell_of_launch); }

}  // namespace

void wait_for_warp(unsigned mask) { wait(AT_WARP, mask, false); }

bool wait_for_block(bool vote) {
    wait(AT_BLOCK, 0, vote);
    return verdict;
}

alignas(128) double shared[MAX_SHARED / 8 + 16];

// Launches a kernel: 0 is advance, 1 is reset. Shared memory is NaN at the start of every block,
// and must still be so behind its end. Returns 0; 1 for a deadlock; 2 for a write behind the end.
extern "C" __attribute__((visibility("default"))) int shim_launch(int kernel, int n_block, int n_shared, int order, const void *table,
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
    for (int k = 0; k < n_block; ++k) {
        blockIdx.x = unsigned(k);
        memset(shared, 0xff, size_t(n_shared) + 64);
        if (!run_block()) return 1;
        for (int j = 0; j < 64; ++j)
            if (((unsigned char *)shared)[n_shared + j] != 0xff) return 2;
    }
    return 0;
}
