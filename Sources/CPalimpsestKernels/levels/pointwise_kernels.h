INLINE vf apply_(pal_function f, vf x, vf *derivative) {
    vf zero = splat(0.0f), one = splat(1.0f), y = x;
    switch (f) {
    case PAL_GELU: return gelu_(x, derivative);
    case PAL_RELU:
        *derivative = x > zero ? one : zero;
        return x < zero ? zero : x;
    case PAL_SIGMOID:
        y = sigmoid_(x);
        *derivative = y * (one - y);
        return y;
    case PAL_TANH:
        y = tanh_(x);
        *derivative = one - y * y;
        return y;
    case PAL_EXP:
        y = exp_(x);
        *derivative = y;
        return y;
    case PAL_LOG:
        for (int i = 0; i < LANES; i++) y[i] = logf(x[i]);
        *derivative = one / x;
        return y;
    case PAL_SQRT:
        y = __builtin_elementwise_sqrt(x);
        *derivative = splat(0.5f) / y;
        return y;
    case PAL_SQUARE:
        *derivative = x + x;
        return x * x;
    }
    return y;
}

INLINE void apply_loop(pal_function f, size_t count, const float *x, float *y, float *derivative) {
    for (size_t i = 0; i < count; i += LANES) {
        size_t n = pal_min(LANES, count - i);
        vf d = splat(0.0f), value = apply_(f, load_some(x + i, n), &d);
        store_some(y + i, value, n);
        if (derivative) store_some(derivative + i, d, n);
    }
}

static void apply(pal_function f, size_t count, const float *x, float *y, float *derivative) {
    /* One loop a function, each with its function inlined. */
    switch (f) {
    case PAL_GELU: apply_loop(PAL_GELU, count, x, y, derivative); break;
    case PAL_RELU: apply_loop(PAL_RELU, count, x, y, derivative); break;
    case PAL_SIGMOID: apply_loop(PAL_SIGMOID, count, x, y, derivative); break;
    case PAL_TANH: apply_loop(PAL_TANH, count, x, y, derivative); break;
    case PAL_EXP: apply_loop(PAL_EXP, count, x, y, derivative); break;
    case PAL_LOG: apply_loop(PAL_LOG, count, x, y, derivative); break;
    case PAL_SQRT: apply_loop(PAL_SQRT, count, x, y, derivative); break;
    case PAL_SQUARE: apply_loop(PAL_SQUARE, count, x, y, derivative); break;
    }
}

static void scale_add(size_t count, const float *x, float a, const float *z, float b, float *y) {
    for (size_t i = 0; i < count; i += LANES) {
        size_t n = pal_min(LANES, count - i);
        vf value = load_some(x + i, n) * splat(a);
        if (z) value = fma_(load_some(z + i, n), splat(b), value);
        store_some(y + i, value, n);
    }
}

static void multiply(size_t count, const float *x, const float *z, float *y, bool accumulate) {
    for (size_t i = 0; i < count; i += LANES) {
        size_t n = pal_min(LANES, count - i);
        vf a = load_some(x + i, n), b = load_some(z + i, n);
        store_some(y + i, accumulate ? fma_(a, b, load_some(y + i, n)) : a * b, n);
    }
}
