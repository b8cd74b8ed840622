/* What the processor can do at most: for `bench peak`, not for training. */

enum { chains = 12, chain_length = 64 };

/* `rounds` times chain_length multiply-adds in each of `chains` chains that do not wait for each other. */
static float fma_chains(size_t rounds) {
    volatile float one = 1.0f; /* not known to the compiler */
    vf factor = splat(one * 0.99999f), term = splat(one * 1e-6f), x[chains];
    for (int i = 0; i < chains; i++) x[i] = splat(one + (float)i);
    for (size_t round = 0; round < rounds; round++)
        for (int step = 0; step < chain_length; step++)
#pragma clang loop unroll(full)
            for (int i = 0; i < chains; i++) x[i] = fma_(x[i], factor, term);
    float sum = 0;
    for (int i = 0; i < chains; i++) sum += x[i][0];
    return sum;
}

/* The sum of a multiple of 8 vectors, read once. */
static float read_all(size_t count, const float *p) {
    vf x[8];
    for (int i = 0; i < 8; i++) x[i] = splat(0);
    for (size_t at = 0; at + 8 * LANES <= count; at += 8 * LANES)
#pragma clang loop unroll(full)
        for (int i = 0; i < 8; i++) x[i] += load(p + at + (size_t)i * LANES);
    float sum = 0;
    for (int i = 0; i < 8; i++) sum += x[i][0];
    return sum;
}
