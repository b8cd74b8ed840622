#define _DEFAULT_SOURCE /* clock_gettime */
#include "peak.h"
#include "internal.h"
#include <stdlib.h>
#include <time.h>

typedef struct {
    const pal_kernels *kernels;
    size_t rounds, count;
    const float *numbers;
    float *sums;
} peak_job;

static void chain_task(void *context, size_t task, size_t worker) {
    const peak_job *it = context;
    (void)worker;
    it->sums[task * 16] = it->kernels->fma_chains(it->rounds);
}

static void read_task(void *context, size_t task, size_t worker) {
    const peak_job *it = context;
    (void)worker;
    it->sums[task * 16] = it->kernels->read_all(it->count, it->numbers + task * it->count);
}

double pal_peak_operations(pal_engine *engine, size_t rounds) {
    size_t threads = pal_engine_threads(engine);
    peak_job it = {.kernels = pal_engine_kernels(engine), .rounds = rounds, .sums = calloc(threads * 16, sizeof(float))};
    if (!it.sums) return 0;
    pal_engine_run(engine, threads, chain_task, &it);
    free(it.sums);
    return (double)threads * (double)rounds * it.kernels->fma_operations;
}

double pal_peak_read(pal_engine *engine, size_t count, const float *numbers) {
    size_t threads = pal_engine_threads(engine);
    peak_job it = {.kernels = pal_engine_kernels(engine), .count = count / threads, .numbers = numbers,
                   .sums = calloc(threads * 16, sizeof(float))};
    if (!it.sums) return 0;
    pal_engine_run(engine, threads, read_task, &it);
    free(it.sums);
    return 4.0 * (double)(it.count * threads);
}

struct pal_timing_list {
    pal_timing *entries;
    size_t count, room;
};

double pal_seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

void pal_timing_add(pal_timing_list *list, const char *what, size_t batch, size_t m, size_t n, size_t k, double began) {
    if (list->count == list->room) {
        size_t room = list->room ? 2 * list->room : 1024;
        pal_timing *more = realloc(list->entries, room * sizeof *more);
        if (!more) return;
        list->entries = more;
        list->room = room;
    }
    list->entries[list->count++] = (pal_timing){what, batch, m, n, k, pal_seconds() - began};
}

void pal_timings_begin(pal_engine *engine) {
    pal_timing_list **list = pal_engine_timing_list(engine);
    if (!*list) *list = calloc(1, sizeof **list);
    if (*list) (*list)->count = 0;
    pal_engine_set_timed(engine, *list != NULL);
}

size_t pal_timings_end(pal_engine *engine, const pal_timing **timings) {
    pal_engine_set_timed(engine, false);
    pal_timing_list *list = *pal_engine_timing_list(engine);
    *timings = list ? list->entries : NULL;
    return list ? list->count : 0;
}

void pal_timings_free(pal_timing_list *list) {
    if (list) free(list->entries);
    free(list);
}
