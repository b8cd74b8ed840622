/* Pictures to patches and back. */
#include <string.h>

#include "internal.h"
#include "rows.h"

typedef struct {
    pal_patch_shape shape;
    const float *source;
    const int32_t *index;
    float *target;
    bool add;
} patch_job;

/* One run of a patch: a row of one channel. In the patch its numbers lie `step` apart, in the picture side by side. */
typedef struct {
    size_t patch, picture, step;
} run_place;

static inline size_t patch_numbers(const pal_patch_shape *s) { return s->channels * s->patch_height * s->patch_width; }

static inline run_place place_of(const pal_patch_shape *s, size_t patch, size_t channel, size_t row) {
    size_t across = s->width / s->patch_width;
    size_t y = patch / across * s->patch_height + row, x = patch % across * s->patch_width;
    run_place at = {.picture = (channel * s->height + y) * s->width + x};
    at.patch = s->channels_last ? row * s->patch_width * s->channels + channel
                                : (channel * s->patch_height + row) * s->patch_width;
    at.step = s->channels_last ? s->channels : 1;
    return at;
}

static void extract_task(void *context, size_t b, size_t worker) {
    const patch_job *it = context;
    const pal_patch_shape *s = &it->shape;
    size_t numbers = patch_numbers(s);
    const float *picture = it->source + b * s->channels * s->height * s->width;
    (void)worker;
    for (size_t k = 0; k < s->picked; k++) {
        size_t patch = it->index ? (size_t)it->index[b * s->picked + k] : k;
        float *out = it->target + (b * s->picked + k) * numbers;
        for (size_t channel = 0; channel < s->channels; channel++)
            for (size_t row = 0; row < s->patch_height; row++) {
                run_place at = place_of(s, patch, channel, row);
                for (size_t i = 0; i < s->patch_width; i++) out[at.patch + i * at.step] = picture[at.picture + i];
            }
    }
}

void pal_extract_patches(pal_engine *engine, pal_patch_shape shape, const float *pictures, const int32_t *index,
                         float *patches) {
    patch_job it = {.shape = shape, .source = pictures, .index = index, .target = patches};
    pal_engine_run(engine, shape.batch, extract_task, &it);
}

static void place_task(void *context, size_t b, size_t worker) {
    const patch_job *it = context;
    const pal_patch_shape *s = &it->shape;
    size_t numbers = patch_numbers(s), size = s->channels * s->height * s->width;
    float *picture = it->target + b * size;
    /* Without an index every pixel is written exactly once. */
    bool add = it->add || it->index;
    (void)worker;
    if (!it->add && it->index) memset(picture, 0, size * sizeof(float));
    for (size_t k = 0; k < s->picked; k++) {
        size_t patch = it->index ? (size_t)it->index[b * s->picked + k] : k;
        const float *in = it->source + (b * s->picked + k) * numbers;
        for (size_t channel = 0; channel < s->channels; channel++)
            for (size_t row = 0; row < s->patch_height; row++) {
                run_place at = place_of(s, patch, channel, row);
                for (size_t i = 0; i < s->patch_width; i++) {
                    float value = in[at.patch + i * at.step], *pixel = picture + at.picture + i;
                    *pixel = add ? *pixel + value : value;
                }
            }
    }
}

void pal_place_patches(pal_engine *engine, pal_patch_shape shape, const float *patches, const int32_t *index,
                       float *pictures, bool add) {
    patch_job it = {.shape = shape, .source = patches, .index = index, .target = pictures, .add = add};
    pal_engine_run(engine, shape.batch, place_task, &it);
}
