#define _DEFAULT_SOURCE /* madvise */
#include "internal.h"
#include <cblas.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

/* A worker without work spins this often (some tens of microseconds) before it sleeps: within a step the next region
   comes sooner than that, and waking a sleeper takes longer than most regions. */
enum { spins_before_sleep = 2000 };

/* Ticket: generation (24 bits) | tasks (20) | next task (20). One word, so that a claim by compare-and-swap fails if
   the job has changed since the word was read. */
enum { task_bits = 20, task_limit = (1 << task_bits) - 1 };

typedef struct {
    float *floats;
    size_t count;
} slab;

typedef struct {
    pal_engine *engine;
    size_t index;
    pthread_t thread;
} worker;

struct pal_engine {
    _Alignas(64) _Atomic uint64_t ticket;
    _Alignas(64) _Atomic size_t finished; /* tasks of the current job that have ended */
    _Alignas(64) _Atomic size_t sleepers;
    /* The current job: written before its ticket, read only by those who hold an unfinished task of it. */
    pal_task body;
    void *context;
    size_t first;
    const pal_kernels *kernels;
    pal_isa isa;
    size_t threads, started;
    _Atomic uint64_t operations;
    pal_timing_list *timings;
    bool is_timed;
    pthread_mutex_t section; /* held by the thread whose kernel or loop the engine runs */
    bool stop; /* under `mutex` */
    pthread_mutex_t mutex;
    pthread_cond_t work;
    slab *slabs; /* two a worker: of its tasks, and of a kernel that is called on its thread */
    worker *workers;
};

/* What the current thread does for which engine. */
static _Thread_local pal_section here;

pal_timing_list **pal_engine_timing_list(pal_engine *engine) { return &engine->timings; }
void pal_engine_set_timed(pal_engine *engine, bool timed) { engine->is_timed = timed; }
pal_timing_list *pal_engine_timed(pal_engine *engine) {
    return engine->is_timed && !here.in_task ? engine->timings : NULL;
}

pal_section pal_engine_enter(pal_engine *engine) {
    pal_section before = here;
    if (before.engine == engine) return before;
    pthread_mutex_lock(&engine->section);
    here = (pal_section){.engine = engine};
    return before;
}

void pal_engine_leave(pal_engine *engine, pal_section before) {
    if (before.engine != engine) pthread_mutex_unlock(&engine->section);
    here = before;
}

static inline void pause_spinning(void) {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

static inline size_t ticket_tasks(uint64_t ticket) { return ticket >> task_bits & task_limit; }
static inline size_t ticket_next(uint64_t ticket) { return ticket & task_limit; }
static inline bool has_work(uint64_t ticket) { return ticket_next(ticket) < ticket_tasks(ticket); }

/* Claims and runs tasks until none is left. Holding an unfinished task keeps `run` from returning, hence the job from
   changing: that makes reading it after the claim safe. */
static void work(pal_engine *engine, size_t index) {
    uint64_t ticket = atomic_load_explicit(&engine->ticket, memory_order_acquire);
    while (has_work(ticket)) {
        if (!atomic_compare_exchange_weak_explicit(&engine->ticket, &ticket, ticket + 1, memory_order_acq_rel,
                                                   memory_order_acquire))
            continue;
        engine->body(engine->context, engine->first + ticket_next(ticket), index);
        atomic_fetch_add_explicit(&engine->finished, 1, memory_order_release);
        ticket = atomic_load_explicit(&engine->ticket, memory_order_acquire);
    }
}

/* Sleeps until there is work; false when the engine ends. Announcing the sleeper before looking at the ticket, as the
   caller writes the ticket before looking for sleepers, loses no wake-up. */
static bool sleep_until_work(pal_engine *engine) {
    pthread_mutex_lock(&engine->mutex);
    atomic_fetch_add(&engine->sleepers, 1);
    while (!engine->stop && !has_work(atomic_load(&engine->ticket)))
        pthread_cond_wait(&engine->work, &engine->mutex);
    atomic_fetch_sub(&engine->sleepers, 1);
    bool goes_on = !engine->stop;
    pthread_mutex_unlock(&engine->mutex);
    return goes_on;
}

static void *worker_main(void *argument) {
    worker *self = argument;
    pal_engine *engine = self->engine;
    here = (pal_section){.engine = engine, .worker = self->index, .in_task = true};
    do {
        work(engine, self->index);
        for (int i = 0; i < spins_before_sleep; i++) {
            if (has_work(atomic_load_explicit(&engine->ticket, memory_order_acquire))) {
                work(engine, self->index);
                i = 0;
            }
            pause_spinning();
        }
    } while (sleep_until_work(engine));
    return NULL;
}

static void wake(pal_engine *engine) {
    pthread_mutex_lock(&engine->mutex);
    pthread_cond_broadcast(&engine->work);
    pthread_mutex_unlock(&engine->mutex);
}

/* Shares the tasks with the workers, in jobs as large as a ticket can tell. */
static void share(pal_engine *engine, size_t tasks, pal_task body, void *context) {
    for (size_t first = 0; first < tasks; first += task_limit) {
        size_t count = pal_min(tasks - first, task_limit);
        engine->body = body;
        engine->context = context;
        engine->first = first;
        atomic_store_explicit(&engine->finished, 0, memory_order_relaxed);
        uint64_t generation = (atomic_load_explicit(&engine->ticket, memory_order_relaxed) >> 2 * task_bits) + 1;
        atomic_store(&engine->ticket, generation << 2 * task_bits | (uint64_t)count << task_bits);
        if (atomic_load(&engine->sleepers)) wake(engine);
        work(engine, 0);
        /* Tasks are counted, not workers: a worker that the system has not let run is not waited for. */
        for (size_t i = 0; atomic_load_explicit(&engine->finished, memory_order_acquire) < count; i++) {
            if (i < spins_before_sleep) pause_spinning();
            else sched_yield();
        }
    }
}

void pal_engine_run(pal_engine *engine, size_t tasks, pal_task body, void *context) {
    if (tasks == 0) return;
    pal_section before = pal_engine_enter(engine);
    bool alone = here.in_task || tasks == 1 || engine->threads == 1;
    here.in_task = true;
    if (alone)
        for (size_t task = 0; task < tasks; task++) body(context, task, here.worker);
    else share(engine, tasks, body, context);
    pal_engine_leave(engine, before);
}

pal_engine *pal_engine_create(size_t threads, pal_isa isa) {
    if (threads == 0) threads = 1;
    pal_engine *engine = aligned_alloc(64, (sizeof(pal_engine) + 63) / 64 * 64);
    if (!engine) return NULL;
    pal_isa best = pal_isa_best();
    *engine = (pal_engine){.isa = isa < best ? isa : best, .threads = threads};
    engine->kernels = pal_kernels_for(engine->isa);
    engine->slabs = calloc(2 * threads, sizeof(slab));
    engine->workers = calloc(threads, sizeof(worker));
    pthread_mutex_init(&engine->section, NULL);
    pthread_mutex_init(&engine->mutex, NULL);
    pthread_cond_init(&engine->work, NULL);
    /* Threads of OpenBLAS's own would make the bits depend on their number, and spin beside ours. */
    openblas_set_num_threads(1);
    bool complete = engine->slabs && engine->workers;
    for (size_t i = 1; i < threads && complete; i++) {
        worker *it = &engine->workers[i];
        it->engine = engine;
        it->index = i;
        complete = pthread_create(&it->thread, NULL, worker_main, it) == 0;
        if (complete) engine->started++;
    }
    if (complete) return engine;
    pal_engine_destroy(engine);
    return NULL;
}

void pal_engine_destroy(pal_engine *engine) {
    pthread_mutex_lock(&engine->mutex);
    engine->stop = true;
    pthread_cond_broadcast(&engine->work);
    pthread_mutex_unlock(&engine->mutex);
    for (size_t i = 1; i <= engine->started; i++) pthread_join(engine->workers[i].thread, NULL);
    pthread_cond_destroy(&engine->work);
    pthread_mutex_destroy(&engine->mutex);
    pthread_mutex_destroy(&engine->section);
    for (size_t i = 0; engine->slabs && i < 2 * engine->threads; i++) free(engine->slabs[i].floats);
    pal_timings_free(engine->timings);
    free(engine->slabs);
    free(engine->workers);
    free(engine);
}

size_t pal_engine_threads(const pal_engine *engine) { return engine->threads; }
pal_isa pal_engine_isa(const pal_engine *engine) { return engine->isa; }
double pal_engine_operations(const pal_engine *engine) {
    return (double)atomic_load_explicit(&engine->operations, memory_order_relaxed);
}
void pal_engine_count(pal_engine *engine, double operations) {
    atomic_fetch_add_explicit(&engine->operations, (uint64_t)operations, memory_order_relaxed);
}
const pal_kernels *pal_engine_kernels(const pal_engine *engine) { return engine->kernels; }

static float *grow(slab *it, size_t floats) {
    if (it->count >= floats && it->floats) return it->floats;
    size_t huge = 2u << 20, alignment = floats * sizeof(float) >= huge / 2 ? huge : 64;
    size_t bytes = (floats * sizeof(float) + alignment) / alignment * alignment;
    free(it->floats);
    it->floats = aligned_alloc(alignment, bytes);
    if (!it->floats) {
        /* Scratch is small beside the tensors of the same step; there is no way back from inside a kernel. */
        fprintf(stderr, "palimpsest: no memory for %zu bytes of kernel scratch\n", bytes);
        abort();
    }
#if defined(__linux__)
    if (alignment == huge) madvise(it->floats, bytes, MADV_HUGEPAGE);
#endif
    it->count = bytes / sizeof(float);
    return it->floats;
}

float *pal_engine_scratch(pal_engine *engine, size_t worker, size_t floats) {
    return grow(&engine->slabs[worker], floats);
}

float *pal_engine_shared(pal_engine *engine, size_t floats) {
    return grow(&engine->slabs[engine->threads + here.worker], floats);
}
