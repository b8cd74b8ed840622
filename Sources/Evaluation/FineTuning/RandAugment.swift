import Foundation
public import RandomStreams

/// RandAugment of normalised pictures: two operations of fifteen, each done half of the time, with a strength near 9 of 10
/// (Cubuk et al., arXiv 1909.13719; the setting `m9, deviation 0.5, increasing` of MAE's fine-tuning).
///
/// Pictures of numbers outside of 0…1, such as floating-point measurements, have no levels to posterize or to invert: they are
/// turned, sheared and shifted alone.
public struct RandAugment: Sendable {
    /// The strength, 0 to 10.
    public var magnitude = 9.0
    /// Its deviation from operation to operation.
    public var deviation = 0.5
    /// Operations a picture.
    public var operations = 2

    /// MAE's setting.
    public init() {}

    private enum Operation: CaseIterable {
        case stretchContrast, equalize, invert, rotate, posterize, solarize, raiseDark, saturate, contrast, brightness,
            sharpness, shearX, shearY, shiftX, shiftY

        var isGeometric: Bool { [.rotate, .shearX, .shearY, .shiftX, .shiftY].contains(self) }
    }

    /// Changes one picture of a batch in place: planes `[C, height, width]` normalised by `mean` and `deviation`, one number for all
    /// channels or one each.
    public func apply(
        to values: inout [Float], channels: Int, height: Int, width: Int, mean: [Double], deviation: [Double],
        random: RandomStream
    ) {
        let area = height * width
        func constant(_ list: [Double], _ channel: Int) -> Float { Float(list[channel % max(1, list.count)]) }
        var picture = ColourPicture(channels: channels, height: height, width: width, values: values)
        for channel in 0..<channels {
            for place in channel * area..<(channel + 1) * area {
                picture.values[place] = values[place] * constant(deviation, channel) + constant(mean, channel)
            }
        }
        // A bicubic crop leaves the range of its picture by little.
        let hasLevels = picture.values.allSatisfy { $0 > -0.2 && $0 < 1.2 }
        let choices = Operation.allCases.filter { hasLevels || $0.isGeometric }
        if hasLevels { picture.values = picture.values.map { min(max($0, 0), 1) } }
        var stream = random
        for _ in 0..<operations {
            let operation = choices[stream.integer(below: choices.count)]
            let isDone = stream.uniform() < 0.5
            let strength = min(max(magnitude + self.deviation * stream.normal(), 0), 10) / 10
            let sign: Double = stream.uniform() < 0.5 ? -1 : 1
            if isDone { Self.apply(operation, &picture, Float(strength), Float(sign * strength)) }
        }
        for channel in 0..<channels {
            for place in channel * area..<(channel + 1) * area {
                values[place] = (picture.values[place] - constant(mean, channel)) / constant(deviation, channel)
            }
        }
    }

    /// One operation with a strength from 0 to 1 and the same with a sign.
    private static func apply(
        _ operation: Operation, _ picture: inout ColourPicture, _ strength: Float, _ signed: Float
    ) {
        let factor = max(0.1, 1 + 0.9 * signed)
        let (middleX, middleY) = (Float(picture.width - 1) / 2, Float(picture.height - 1) / 2)
        switch operation {
        case .stretchContrast: picture.stretchContrast()
        case .equalize: picture.equalize()
        case .invert: picture.invert()
        case .posterize: picture.posterize(bits: 4 - Int(4 * strength))
        case .solarize: picture.solarize(from: 1 - strength)
        case .raiseDark: picture.raiseDark(by: 110 / 255 * strength)
        case .saturate: picture.saturate(factor)
        case .contrast: picture.changeContrast(factor)
        case .brightness: picture.brighten(factor)
        case .sharpness: picture.sharpen(factor)
        case .rotate:
            let (c, s) = (cos(signed * .pi / 6), sin(signed * .pi / 6))
            picture.move((c, s, middleX - c * middleX - s * middleY, -s, c, middleY + s * middleX - c * middleY))
        case .shearX: picture.move((1, 0.3 * signed, 0, 0, 1, 0))
        case .shearY: picture.move((1, 0, 0, 0.3 * signed, 1, 0))
        case .shiftX: picture.move((1, 0, 0.45 * signed * Float(picture.width), 0, 1, 0))
        case .shiftY: picture.move((1, 0, 0, 0, 1, 0.45 * signed * Float(picture.height)))
        }
    }
}
