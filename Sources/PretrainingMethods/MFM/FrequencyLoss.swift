public import Autodiff
import Foundation
public import ImageMasking
public import RecipeSchema

/// How spectra are compared.
public struct FrequencyLossOptions: RecipeSection {
    /// The power of the distance.
    public var lossGamma = 1.0
    /// The power of the distance in the weights.
    public var matrixGamma = 1.0
    /// Tiles along each side that are transformed by themselves.
    public var patchFactor = 1
    /// Whether spectra are averaged over the batch first.
    public var averageSpectrum = false
    /// Whether large distances weigh more.
    public var withMatrix = false
    /// Whether those weights are logarithms.
    public var logMatrix = false
    /// Whether the weights' maximum is that of the batch instead of each plane's own.
    public var batchMatrix = false

    /// The published loss: the plain distance.
    public init() {}

    /// The options.
    public static let fields: [Field<Self>] = [
        Field("loss_gamma", \.lossGamma, in: .above(0, upTo: 16), "Power of the distance of two frequencies."),
        Field("matrix_gamma", \.matrixGamma, in: .above(0, upTo: 16), "Power of the distance in its weight."),
        Field(
            "patch_factor", \.patchFactor, in: .closed(1...65536), "Tiles along each side, transformed by themselves."),
        Field("average_spectrum", \.averageSpectrum, "Whether spectra are averaged over the batch first."),
        Field("with_matrix", \.withMatrix, "Whether large distances weigh more."),
        Field("log_matrix", \.logMatrix, "Whether those weights are logarithms."),
        Field("batch_matrix", \.batchMatrix, "Whether the largest weight is the batch's instead of each plane's."),
    ]
}

/// The distance of two batches of pictures, frequency by frequency (MFM; its focal variants after Jiang et al., arXiv 2012.12821).
///
/// With Δ the orthonormal spectrum of prediction − target and s = √(|Δ|² + 1e-12), an element is w·s^γ. The weight w is 1, or
/// m/max m with m = |Δ|^γₘ, perhaps ln(m + 1); no gradient flows through it. By linearity one transform of the difference does,
/// and averaging over the batch comes before it.
public struct FrequencyLoss {
    private let options: FrequencyLossOptions

    /// A loss.
    public init(options: FrequencyLossOptions) { self.options = options }

    /// Loss of predictions `[B, C, H, W]`, and the elements `[B or 1, f², C, H/f, W/f]` before any mask, in the shifted order.
    ///
    /// With `removed`, the loss is the mean over the frequencies that each image's mask removed, with one denominator for the
    /// batch; 0 where nothing was removed. Without, it is the mean over everything.
    public func callAsFunction(
        _ prediction: Variable, target: Tensor, removed mask: FrequencyMask?, on tape: inout Tape
    ) -> (loss: Variable, map: Tensor) {
        let shape = prediction.shape
        let (batch, channels) = (shape[0], shape[1])
        let factor = options.patchFactor
        let (height, width) = (shape[2] / factor, shape[3] / factor)
        var planes = tape.subtract(prediction, tape.constant(target))
        if factor > 1 {
            planes = tape.patchify(planes, patch: PatchSize(rows: height, columns: width), order: .channelsFirst)
        }
        var images = batch
        if options.averageSpectrum {
            planes = tape.mean(planes.reshaped([batch, planes.value.count / batch]), axis: 0)
            images = 1
        }
        let transform = FourierTransform(height: height, width: width)
        let planeCount = images * factor * factor * channels
        let quadrants = transform.quadrants(planes.reshaped([planeCount, height, width]), on: &tape)
        let weights = elementWeights(mask, images: images, channels: channels, height, width)
        let (value, map, slope) = elements(of: quadrants.value, rows: height, columns: width, weights)
        return (
            tape.loss(value, of: quadrants, slope: slope),
            map.reshaped([images, factor * factor, channels, height, width])
        )
    }

    /// What each element of one image's plane counts for in the loss; nil: all the same.
    private func elementWeights(
        _ mask: FrequencyMask?, images: Int, channels: Int, _ height: Int, _ width: Int
    ) -> [[Double]]? {
        guard let mask else { return nil }
        let keeps = mask.keeps(height: height, width: width)
        let size = height * width
        let removed = keeps.count { !$0 }
        let share = removed == 0 ? 0 : 1 / (Double(removed) * Double(channels))
        let single = (0..<mask.imageCount).map { image in
            keeps[image * size..<(image + 1) * size].map { $0 ? 0 : share }
        }
        guard options.averageSpectrum else { return single }
        // The averaged plane meets the mask of every image.
        return [(0..<size).map { place in single.reduce(0) { $0 + $1[place] } }]
    }

    /// Loss, elements and the loss's derivative by the quadrants `[planes, 2 · rows, 2 · columns]`.
    private func elements(
        of quadrants: Tensor, rows: Int, columns: Int, _ weights: [[Double]]?
    ) -> (Double, Tensor, Tensor) {
        let planes = quadrants.shape[0]
        let size = rows * columns
        var map = Tensor(zeros: [planes, rows, columns])
        var slope = Tensor(zeros: quadrants.shape)
        let focus = options.withMatrix ? focalWeights(quadrants, rows: rows, columns: columns) : nil
        let even = 1 / Double(planes * size)
        let planesPerImage = planes / (weights?.count ?? planes)
        let gamma = options.lossGamma
        var total = 0.0
        quadrants.withUnsafeBuffer { q in
            map.withUnsafeMutableBuffer { map in
                slope.withUnsafeMutableBuffer { slope in
                    for plane in 0..<planes {
                        let counts = weights?[plane / planesPerImage]
                        for place in 0..<size {
                            let at = Corners(plane, place, rows, columns)
                            let real = Double(q[at.topLeft]) - Double(q[at.bottomRight])
                            let imaginary = -(Double(q[at.topRight]) + Double(q[at.bottomLeft]))
                            let distance = (real * real + imaginary * imaginary + 1e-12).squareRoot()
                            let weight = focus.map { Double($0[plane * size + place]) } ?? 1
                            let power = gamma == 1 ? distance : pow(distance, gamma)
                            let element = weight * power
                            map[plane * size + place] = Float(element)
                            let count = counts?[place] ?? even
                            guard count != 0 else { continue }
                            total += count * element
                            let pull = count * gamma * element / (distance * distance)
                            slope[at.topLeft] = Float(pull * real)
                            slope[at.bottomRight] = Float(-pull * real)
                            slope[at.topRight] = Float(-pull * imaginary)
                            slope[at.bottomLeft] = Float(-pull * imaginary)
                        }
                    }
                }
            }
        }
        return (total, map, slope)
    }

    /// The weights w, plane by plane.
    private func focalWeights(_ quadrants: Tensor, rows: Int, columns: Int) -> [Float] {
        let planes = quadrants.shape[0]
        let size = rows * columns
        var weights = [Float](repeating: 0, count: planes * size)
        var largest = [Double](repeating: 0, count: planes)
        let values = quadrants.withUnsafeBuffer { q in
            (0..<planes * size).map { index -> Double in
                let at = Corners(index / size, index % size, rows, columns)
                let real = Double(q[at.topLeft]) - Double(q[at.bottomRight])
                let imaginary = Double(q[at.topRight]) + Double(q[at.bottomLeft])
                var value = pow((real * real + imaginary * imaginary).squareRoot(), options.matrixGamma)
                if options.logMatrix { value = log1p(value) }
                largest[index / size] = max(largest[index / size], value)
                return value
            }
        }
        if options.batchMatrix { largest = [Double](repeating: largest.max() ?? 0, count: planes) }
        for (index, value) in values.enumerated() {
            let most = largest[index / size]
            weights[index] = most > 0 ? Float(min(max(value / most, 0), 1)) : 0
        }
        return weights
    }
}

/// Where one frequency stands in the four quadrants of a plane.
private struct Corners {
    let topLeft: Int
    let topRight: Int
    let bottomLeft: Int
    let bottomRight: Int

    init(_ plane: Int, _ place: Int, _ rows: Int, _ columns: Int) {
        topLeft = plane * 4 * rows * columns + place / columns * 2 * columns + place % columns
        topRight = topLeft + columns
        bottomLeft = topLeft + 2 * rows * columns
        bottomRight = bottomLeft + columns
    }
}
