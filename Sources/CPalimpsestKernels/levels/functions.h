/* exp, GELU and friends on vectors. Errors measured against double; see KernelMathTests. */

/* Several vectors at once share each loaded constant and fill the pipes: a quarter faster than one by one. `count` is
   a constant wherever this is used. */
#define EACH _Pragma("clang loop unroll(full)") for (int i = 0; i < count; i++)
enum { most_at_once = 4 };

/* x = e^x for x between -87.3 and 88.3. Relative error 8.1e-8. */
INLINE void exp_within(const int count, vf *x) {
    vf n[most_at_once], y[most_at_once];
    const vf rounding = splat(12582912.0f); /* 1.5 * 2^23: its sum with x is an integer, in the low bits */
    EACH n[i] = fma_(x[i], splat(1.44269504f), rounding);
    EACH x[i] = fma_(n[i] - rounding, splat(-0.693359375f), x[i]);
    EACH x[i] = fma_(n[i] - rounding, splat(2.12194440e-4f), x[i]);
    EACH y[i] = fma_(splat(1.9875691500e-4f), x[i], splat(1.3981999507e-3f));
    EACH y[i] = fma_(y[i], x[i], splat(8.3334519073e-3f));
    EACH y[i] = fma_(y[i], x[i], splat(4.1665795894e-2f));
    EACH y[i] = fma_(y[i], x[i], splat(1.6666665459e-1f));
    EACH y[i] = fma_(y[i], x[i], splat(5.0000001201e-1f));
    EACH y[i] = fma_(y[i], x[i] * x[i], x[i]) + splat(1.0f);
    EACH x[i] = (vf)((vi)y[i] + ((vi)n[i] << 23)); /* times 2^n: added to the exponent */
}

/* x = GELU(x) and its derivative. The normal tail is exp(-a^2/2) R(a) with a rational R, which keeps its *relative*
   precision far to the left, where (1 + erf)/2 has none. The derivative shares the exponential. */
INLINE void gelu_each(const int count, vf *x, vf *derivative) {
    vf a[most_at_once], e[most_at_once], p[most_at_once], q[most_at_once];
    EACH a[i] = at_most(absolute(x[i]), 10.0f);
    EACH e[i] = a[i] * a[i] * splat(-0.5f);
    exp_within(count, e);
    EACH p[i] = fma_(splat(0.00368586074f), a[i], splat(0.0376827835f));
    EACH p[i] = fma_(p[i], a[i], splat(0.174388885f));
    EACH p[i] = fma_(p[i], a[i], splat(0.426182988f));
    EACH p[i] = fma_(p[i], a[i], splat(0.500000001f)) * e[i];
    EACH q[i] = fma_(splat(0.00923882250f), a[i], splat(0.0944683694f));
    EACH q[i] = fma_(q[i], a[i], splat(0.446135373f));
    EACH q[i] = fma_(q[i], a[i], splat(1.16548501f));
    EACH q[i] = fma_(q[i], a[i], splat(1.65025073f));
    EACH q[i] = fma_(q[i], a[i], splat(1.0f));
    EACH p[i] = p[i] / q[i];
    EACH p[i] = x[i] < splat(0.0f) ? p[i] : splat(1.0f) - p[i];
    EACH derivative[i] = fma_(x[i] * e[i], splat(0.39894228f), p[i]);
    EACH x[i] = x[i] * p[i];
}

INLINE vf gelu_(vf x, vf *derivative) {
    gelu_each(1, &x, derivative);
    return x;
}

/* Beyond the range of exp_within the result stays what it is at its ends: no infinities, no denormal numbers. */
INLINE vf exp_(vf x) {
    x = at_most(at_least(x, -87.3f), 88.3f);
    exp_within(1, &x);
    return x;
}

INLINE vf sigmoid_(vf x) {
    /* From exp(-|x|), so that neither side overflows nor loses its small values. */
    vf e = exp_(-absolute(x)), one = splat(1.0f);
    return (x < splat(0.0f) ? e : one) / (one + e);
}

/* A polynomial near 0, where 1 - exp(-2|x|) cancels. */
INLINE vf tanh_(vf x) {
    vf a = absolute(x), z = x * x, one = splat(1.0f);
    vf p = splat(-5.70498872745e-3f);
    p = fma_(p, z, splat(2.06390887954e-2f));
    p = fma_(p, z, splat(-5.37397155531e-2f));
    p = fma_(p, z, splat(1.33314422036e-1f));
    p = fma_(p, z, splat(-3.33332819422e-1f));
    vf near = fma_(p * z, x, x);
    vf e = exp_(a * splat(-2.0f));
    vf far = (one - e) / (one + e);
    far = x < splat(0.0f) ? -far : far;
    return a < splat(0.625f) ? near : far;
}
