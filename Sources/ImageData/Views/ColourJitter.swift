import RandomStreams

/// Brightness, contrast, saturation and hue changed in random order (torchvision's `ColorJitter`).
struct ColourJitter {
    /// The four strengths; one that is 0 changes nothing.
    let strengths: [Double]

    /// Changes a picture of three channels with numbers in [0, 1]: each factor is uniform around 1, the hue's shift around 0.
    func apply(to values: inout [Float], _ random: inout RandomStream) {
        let order = random.permutation(4)
        func around(_ middle: Double, _ strength: Double, _ random: inout RandomStream) -> Float {
            Float(max(0, middle - strength) + (middle + strength - max(0, middle - strength)) * random.uniformDouble())
        }
        for operation in order {
            let strength = strengths[operation]
            guard strength > 0 else { continue }
            switch operation {
            case 0: ColourOperations.brightness(&values, factor: around(1, strength, &random))
            case 1: ColourOperations.contrast(&values, factor: around(1, strength, &random), channels: 3)
            case 2: ColourOperations.saturation(&values, factor: around(1, strength, &random))
            default:
                let shift = (2 * random.uniformDouble() - 1) * strength
                ColourOperations.hue(&values, shift: Float(shift))
            }
        }
    }
}

extension ColourOperations {
    /// An operation on bytes, for numbers in [0, 1]: each is rounded to the nearest of 256 steps first.
    static func onBytes(_ values: inout [Float], _ operation: (inout [UInt8]) -> Void) {
        var bytes = values.map { UInt8((min(max($0, 0), 1) * 255).rounded()) }
        operation(&bytes)
        values = bytes.map { Float($0) / 255 }
    }
}
