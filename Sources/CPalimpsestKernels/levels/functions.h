/* exp, GELU and friends on vectors. Errors measured against double; see KernelMathTests. */

/* Relative error 8.1e-8. Between -87.3 and 88.3, beyond which the result stays what it is there: no infinities, no
   denormal numbers. */
INLINE vf exp_(vf x) {
    x = at_most(at_least(x, -87.3f), 88.3f);
    /* Adding 1.5 * 2^23 rounds to an integer and leaves it in the low bits. */
    vf shifted = fma_(x, splat(1.44269504f), splat(12582912.0f));
    vf n = shifted - splat(12582912.0f);
    vf r = fma_(n, splat(-0.693359375f), x);
    r = fma_(n, splat(2.12194440e-4f), r);
    vf y = splat(1.9875691500e-4f);
    y = fma_(y, r, splat(1.3981999507e-3f));
    y = fma_(y, r, splat(8.3334519073e-3f));
    y = fma_(y, r, splat(4.1665795894e-2f));
    y = fma_(y, r, splat(1.6666665459e-1f));
    y = fma_(y, r, splat(5.0000001201e-1f));
    y = fma_(y, r * r, r) + splat(1.0f);
    vi power = ((vi)shifted << 23) + (127 << 23);
    return y * (vf)power;
}

/* GELU and its derivative: the normal tail is exp(-a^2/2) R(a) with a rational R, which keeps its *relative*
   precision far to the left, where (1 + erf)/2 has none. The derivative shares the exponential. */
INLINE vf gelu_(vf x, vf *derivative) {
    vf a = at_most(absolute(x), 10.0f);
    vf e = exp_(a * a * splat(-0.5f));
    vf p = splat(0.00368586074f);
    p = fma_(p, a, splat(0.0376827835f));
    p = fma_(p, a, splat(0.174388885f));
    p = fma_(p, a, splat(0.426182988f));
    p = fma_(p, a, splat(0.500000001f));
    vf q = splat(0.00923882250f);
    q = fma_(q, a, splat(0.0944683694f));
    q = fma_(q, a, splat(0.446135373f));
    q = fma_(q, a, splat(1.16548501f));
    q = fma_(q, a, splat(1.65025073f));
    q = fma_(q, a, splat(1.0f));
    vf tail = e * p / q;
    vf phi = x < splat(0.0f) ? tail : splat(1.0f) - tail;
    *derivative = fma_(x * e, splat(0.39894228f), phi);
    return x * phi;
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
