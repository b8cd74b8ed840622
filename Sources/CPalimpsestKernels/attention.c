#include "internal.h"

typedef struct {
    pal_engine *engine;
    pal_attention_job job;
    bool backward;
    float *d_bias;
} task_job;

/* A task is one head of one picture: some tens of kilobytes that stay in the core's own cache. */
static void head_task(void *context, size_t task, size_t worker) {
    const task_job *it = context;
    const pal_kernels *kernels = pal_engine_kernels(it->engine);
    float *scratch =
        pal_engine_scratch(it->engine, worker, kernels->attention_scratch(&it->job));
    size_t picture = task / it->job.shape.heads, head = task % it->job.shape.heads;
    if (it->backward) kernels->attention_backward(&it->job, picture, head, scratch);
    else kernels->attention_forward(&it->job, picture, head, scratch);
}

/* Adds the score gradients of all pictures, in order, for one query row of one head. */
static void bias_task(void *context, size_t task, size_t worker) {
    const task_job *it = context;
    pal_attention_shape shape = it->job.shape;
    size_t rows = shape.heads * shape.q_tokens;
    (void)worker;
    pal_engine_kernels(it->engine)->add_rows(shape.batch, shape.k_tokens, it->job.d_scores + task * shape.k_tokens,
                                             rows * shape.k_tokens, it->d_bias + task * shape.k_tokens);
}

/* One product of queries and keys, or of a matrix like their scores with one like either. */
static double product_operations(pal_attention_shape shape) {
    return 2.0 * (double)(shape.batch * shape.heads) * (double)(shape.q_tokens * shape.k_tokens * shape.head_width);
}

static void add_timing(pal_timing_list *list, const char *what, pal_attention_shape shape, double began) {
    pal_timing_add(list, what, shape.batch * shape.heads, shape.q_tokens, shape.k_tokens, shape.head_width, began);
}

void pal_attention_forward(pal_engine *engine, pal_attention_shape shape, const float *q, const float *k,
                           const float *v, const float *bias, float *out, float *probabilities) {
    task_job it = {.engine = engine,
                   .job = {.shape = shape, .q = q, .k = k, .v = v, .bias = bias, .out = out,
                           .probabilities = probabilities}};
    pal_engine_count(engine, 2 * product_operations(shape));
    pal_timing_list *timed = pal_engine_timed(engine);
    double began = timed ? pal_seconds() : 0;
    pal_engine_run(engine, shape.batch * shape.heads, head_task, &it);
    if (timed) add_timing(timed, "attention", shape, began);
}

void pal_attention_backward(pal_engine *engine, pal_attention_shape shape, const float *q, const float *k,
                            const float *v, const float *probabilities, const float *d_out, float *d_q, float *d_k,
                            float *d_v, float *d_bias) {
    task_job it = {.engine = engine, .backward = true, .d_bias = d_bias,
                   .job = {.shape = shape, .q = q, .k = k, .v = v, .probabilities = (float *)probabilities,
                           .d_out = d_out, .d_q = d_q, .d_k = d_k, .d_v = d_v}};
    size_t rows = shape.heads * shape.q_tokens;
    pal_engine_count(engine, 4 * product_operations(shape));
    pal_timing_list *timed = pal_engine_timed(engine);
    double began = timed ? pal_seconds() : 0;
    pal_section before = pal_engine_enter(engine);
    if (d_bias) it.job.d_scores = pal_engine_shared(engine, shape.batch * rows * shape.k_tokens);
    pal_engine_run(engine, shape.batch * shape.heads, head_task, &it);
    if (d_bias) pal_engine_run(engine, rows, bias_task, &it);
    pal_engine_leave(engine, before);
    if (timed) add_timing(timed, "attention back", shape, began);
}
