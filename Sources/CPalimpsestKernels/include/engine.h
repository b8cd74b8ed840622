#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#pragma clang assume_nonnull begin

/* Instruction sets that the kernels are compiled for; the level is chosen when an engine is made. */
typedef enum { PAL_ISA_PORTABLE = 0, PAL_ISA_AVX2 = 1, PAL_ISA_AVX512 = 2 } pal_isa;

/* The best level this processor has; PALIMPSEST_ISA=portable|avx2|avx512 in the environment lowers it. */
pal_isa pal_isa_best(void);
const char *pal_isa_name(pal_isa isa);

/* A pool of threads (the caller and threads - 1 others), scratch memory for each, and the kernels of one level.
   Any thread may call: one kernel or loop runs at a time, others wait for it. A task may call, too; what it asks for is
   then done on its own thread. Two engines whose tasks call each other would wait for ever. */
typedef struct pal_engine pal_engine;

/* NULL when memory or threads cannot be had. `isa` above pal_isa_best() is lowered to it. */
pal_engine *_Nullable pal_engine_create(size_t threads, pal_isa isa);
void pal_engine_destroy(pal_engine *engine);
size_t pal_engine_threads(const pal_engine *engine);
pal_isa pal_engine_isa(const pal_engine *engine);
/* Operations of all products and attentions so far, a multiply-add being two. */
double pal_engine_operations(const pal_engine *engine);

/* Runs body(context, task, worker) for every task in 0..<tasks and returns when all have ended. Which worker runs a
   task is left to chance: a task's work and its writes depend on `task` alone. */
typedef void (*pal_task)(void *_Nullable context, size_t task, size_t worker);
void pal_engine_run(pal_engine *engine, size_t tasks, pal_task body, void *_Nullable context);

/* At least `floats` floats of 64-byte aligned scratch of one worker, kept between calls; contents undefined. */
float *pal_engine_scratch(pal_engine *engine, size_t worker, size_t floats);

#pragma clang assume_nonnull end
