/// The operations of this module that a tape can record. Each has a row in the gradient-check table of the tests.
public enum Primitive: String, Sendable, CaseIterable {
    // Products.
    case linear, matmul, linearFilter, transpose
    // Attention.
    case attention, crossAttention
    // Normalisation.
    case layerNorm, rmsNorm, batchNorm, normalizeRows
    // Positions.
    case rotate
    // Element by element.
    case gelu, relu, sigmoid, tanh, exp, log, sqrt, square
    // Rows of scores.
    case softmax, logSoftmax
    // Arithmetic.
    case add, subtract, multiply, divide, scale, addScalar
    // Reductions.
    case sum, mean, sumAxis, meanAxis
    // Token rows.
    case gatherRows, gatherSharedRows, restoreRows, prependRows, concatRows, sliceRows
    // Pictures and patches.
    case patchify, unpatchify
    // Losses.
    case maskedMeanSquared, meanSquared, smoothL1, l1, crossEntropy, cosine, givenLoss
}
