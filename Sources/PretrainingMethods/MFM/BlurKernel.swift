import Foundation
package import RandomStreams
public import RecipeSchema

/// The kinds of blur that a degraded picture may have (the pipeline of Real-ESRGAN, Wang et al., arXiv 2107.10833).
public enum BlurKind: String, RecipeEnum {
    /// A Gaussian.
    case isotropic = "iso"
    /// A Gaussian with two widths, turned.
    case anisotropic = "aniso"
    /// exp(−q^β/2), one width.
    case generalizedIsotropic = "generalized_iso"
    /// exp(−q^β/2), two widths, turned.
    case generalizedAnisotropic = "generalized_aniso"
    /// 1/(q^β + 1), one width.
    case plateauIsotropic = "plateau_iso"
    /// 1/(q^β + 1), two widths, turned.
    case plateauAnisotropic = "plateau_aniso"
    /// A circular low-pass.
    case sinc

    /// Whether the second width and the angle mean something.
    var isAnisotropic: Bool {
        switch self {
        case .anisotropic, .generalizedAnisotropic, .plateauAnisotropic: true
        case .isotropic, .generalizedIsotropic, .plateauIsotropic, .sinc: false
        }
    }
}

/// One blur: what it takes to compute a kernel. Values that its kind does not use are ignored.
public struct BlurKernel: Sendable {
    /// The kind.
    public var kind: BlurKind
    /// Side of the kernel in pixels, odd.
    public var size: Int
    /// Widths of the Gaussian in pixels; the second for anisotropic kinds.
    public var sigma: (x: Double, y: Double)
    /// The angle of the first axis, in radians.
    public var theta: Double
    /// The power of generalised and plateau kinds.
    public var beta: Double
    /// The cut-off of `sinc`, in radians a pixel.
    public var omega: Double

    /// A blur.
    public init(
        kind: BlurKind, size: Int, sigma: (x: Double, y: Double), theta: Double, beta: Double, omega: Double
    ) {
        precondition(size % 2 == 1, "a blur kernel of even side \(size)")
        self.kind = kind
        self.size = size
        self.sigma = sigma
        self.theta = theta
        self.beta = beta
        self.omega = omega
    }

    /// The kernel, `[size, size]`, sum 1.
    ///
    /// With x to the right, y downwards and (u, v) the coordinates turned back by θ, q = u²/σx² + v²/σy²; isotropic kinds use σx
    /// for both. `sinc` is ω·J₁(ω r)/(2π r), ω²/(4π) at the centre.
    public var values: [Double] {
        let radius = size / 2
        let sigmaY = kind.isAnisotropic ? sigma.y : sigma.x
        let (c, s) = kind.isAnisotropic ? (cos(theta), sin(theta)) : (1, 0)
        var values: [Double] = []
        values.reserveCapacity(size * size)
        for row in -radius...radius {
            for column in -radius...radius {
                let (x, y) = (Double(column), Double(row))
                let (u, v) = ((c * x + s * y) / sigma.x, (c * y - s * x) / sigmaY)
                let q = u * u + v * v
                switch kind {
                case .isotropic, .anisotropic: values.append(exp(-q / 2))
                case .generalizedIsotropic, .generalizedAnisotropic: values.append(exp(-pow(q, beta) / 2))
                case .plateauIsotropic, .plateauAnisotropic: values.append(1 / (pow(q, beta) + 1))
                case .sinc:
                    let r = (x * x + y * y).squareRoot()
                    values.append(r == 0 ? omega * omega / (4 * .pi) : omega * j1(omega * r) / (2 * .pi * r))
                }
            }
        }
        let sum = values.reduce(0, +)
        return values.map { $0 / sum }
    }

    /// The blurred picture `[C, H, W]`: correlation of every channel, borders mirrored without repeating the edge.
    func blurred(_ picture: UnsafeBufferPointer<Float>, channels: Int, height: Int, width: Int) -> [Float] {
        let radius = size / 2
        let kernel = values
        let rows = Self.mirrored(height, radius)
        let columns = Self.mirrored(width, radius)
        var result: [Float] = []
        result.reserveCapacity(picture.count)
        var padded = [Double](repeating: 0, count: (height + 2 * radius) * (width + 2 * radius))
        var sums = [Double](repeating: 0, count: width)
        for channel in 0..<channels {
            for (i, row) in rows.enumerated() {
                let source = (channel * height + row) * width
                for (j, column) in columns.enumerated() {
                    padded[i * columns.count + j] = Double(picture[source + column])
                }
            }
            for row in 0..<height {
                padded.withUnsafeBufferPointer { padded in
                    sums.withUnsafeMutableBufferPointer { sums in
                        sums.update(repeating: 0)
                        for (tap, weight) in kernel.enumerated() {
                            let start = (row + tap / size) * columns.count + tap % size
                            for x in 0..<width { sums[x] += weight * padded[start + x] }
                        }
                    }
                }
                for sum in sums { result.append(Float(sum)) }
            }
        }
        return result
    }

    /// The pixel behind each place of an axis that is `radius` longer on both sides: −1 is pixel 1, n is pixel n − 2.
    private static func mirrored(_ length: Int, _ radius: Int) -> [Int] {
        precondition(radius < length, "a blur of radius \(radius) on \(length) pixels")
        return (-radius..<length + radius).map { place in
            let reflected = abs(place)
            return reflected < length ? reflected : 2 * (length - 1) - reflected
        }
    }
}

/// Which blurs the pretext `deblur` draws from.
public struct BlurOptions: RecipeSection {
    /// The kinds.
    public var kernelList = [BlurKind.isotropic]
    /// Their weights.
    public var kernelProb = [1.0]
    /// Sides of the kernel, in pixels.
    public var kernelSize = [7, 9, 11, 13, 15, 17, 19, 21]
    /// Range of the first width, in pixels.
    public var sigmaX = [5.0, 5.0]
    /// Range of the second width, in pixels.
    public var sigmaY = [5.0, 5.0]
    /// Range of the angle, in radians.
    public var rotateAngle = [-3.1416, 3.1416]
    /// Range of the power of generalised kinds.
    public var betaGaussian = [0.5, 4.0]
    /// Range of the power of plateau kinds.
    public var betaPlateau = [1.0, 2.0]

    /// The published setting: isotropic, σ = 5.
    public init() {}

    private static let positiveRange = Allowed<[Double]>.ends(of: .above(0, upTo: 1000))

    /// The options.
    public static let fields: [Field<Self>] = [
        Field(
            "kernel_list", \.kernelList, in: .rule("a list of 1 to 64 of its words") { (1...64).contains($0.count) },
            "Kinds of blur."),
        Field("kernel_prob", \.kernelProb, in: choiceWeights, "How often each kind is drawn."),
        Field(
            "kernel_size", \.kernelSize,
            in: .list(1...256, of: .closed(1...1001, only: "odd") { $0 % 2 == 1 }),
            "Sides of the kernel, in pixels."),
        Field("sigma_x", \.sigmaX, in: positiveRange, "Range of the first width, in pixels."),
        Field("sigma_y", \.sigmaY, in: positiveRange, "Range of the second width, in pixels."),
        Field(
            "rotate_angle", \.rotateAngle,
            in: .ends(of: .closed(-1000...1000)),
            "Range of the angle, in radians."),
        Field("beta_gaussian", \.betaGaussian, in: positiveRange, "Range of the power of generalised kinds."),
        Field("beta_plateau", \.betaPlateau, in: positiveRange, "Range of the power of plateau kinds."),
    ]

    /// A weight a kind.
    public func check() -> [String] {
        kernelList.count == kernelProb.count
            ? [] : ["kernel_prob has \(kernelProb.count) numbers for \(kernelList.count) kinds in kernel_list"]
    }

    /// Draws one blur: kind, side, σx, σy, θ, both powers, ω, then how far the power is pulled towards 1.
    package func drawn(_ stream: inout RandomStream) -> BlurKernel {
        let kind = kernelList[stream.choice(kernelProb)]
        let size = kernelSize[stream.integer(below: kernelSize.count)]
        let sigma = (x: stream.uniform(in: sigmaX), y: stream.uniform(in: sigmaY))
        let theta = stream.uniform(in: rotateAngle)
        let gaussian = stream.uniform(in: betaGaussian)
        let plateau = stream.uniform(in: betaPlateau)
        let omega = stream.uniform(in: [.pi / (size < 13 ? 3 : 5), .pi])
        let beta: Double
        switch kind {
        case .plateauIsotropic, .plateauAnisotropic: beta = plateau
        default: beta = gaussian
        }
        // The published code draws once more, between 1 and the power it had.
        let pulled = 1 + (beta - 1) * stream.uniformDouble()
        return BlurKernel(kind: kind, size: size, sigma: sigma, theta: theta, beta: pulled, omega: omega)
    }
}

/// Weights of a choice, as recipes give them.
let choiceWeights = Allowed<[Double]>.list(1...64, of: .closed(0...1e6), "not all 0") { $0.contains { $0 > 0 } }

extension RandomStream {
    /// A number uniform between the two of a range.
    mutating func uniform(in range: [Double]) -> Double { range[0] + (range[1] - range[0]) * uniformDouble() }

    /// A place in a list of weights, drawn with these weights.
    mutating func choice(_ weights: [Double]) -> Int {
        var left = uniformDouble() * weights.reduce(0, +)
        for (place, weight) in weights.enumerated() {
            if left < weight { return place }
            left -= weight
        }
        // Rounding can leave a remainder behind the last weight.
        return weights.lastIndex { $0 > 0 } ?? 0
    }
}
