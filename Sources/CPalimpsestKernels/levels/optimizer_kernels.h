static void adamw(size_t count, float *p, const float *g, float *m, float *v, const pal_adamw *o,
                  float gradient_scale) {
    vf keep = splat((float)(1 - o->learning_rate * o->weight_decay)), scale = splat(gradient_scale);
    vf fresh1 = splat((float)(1 - o->beta1)), beta2 = splat((float)o->beta2), fresh2 = splat((float)(1 - o->beta2));
    vf step = splat((float)(o->learning_rate / o->correction1)), epsilon = splat((float)o->epsilon);
    vf root = splat((float)sqrt(o->correction2));
    for (size_t i = 0; i < count; i += LANES) {
        size_t n = count - i;
        vf gradient = load_some(g + i, n) * scale;
        vf first = load_some(m + i, n), second = load_some(v + i, n);
        first = fma_(gradient - first, fresh1, first);
        second = fma_(gradient * gradient, fresh2, second * beta2);
        vf denominator = __builtin_elementwise_sqrt(second) / root + epsilon;
        store_some(p + i, load_some(p + i, n) * keep - step * first / denominator, n);
        store_some(m + i, first, n);
        store_some(v + i, second, n);
    }
}

static double sum_of_squares(size_t count, const float *x) {
    vd sum = (vd)0.0;
    for (size_t i = 0; i < count; i += LANES) {
        vd value = __builtin_convertvector(load_some(x + i, count - i), vd);
        sum += value * value;
    }
    double total = 0;
    for (int lane = 0; lane < LANES; lane++) total += sum[lane];
    return total;
}
