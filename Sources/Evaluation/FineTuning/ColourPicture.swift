import Foundation

/// A picture as planes of numbers from 0 to 1, `[C, height, width]`, and the operations of RandAugment on it.
///
/// The operations are those of AutoAugment and RandAugment (Cubuk et al., arXiv 1805.09501 and 1909.13719), on any number of
/// channels: what is luminance for red, green and blue is the mean of the channels elsewhere.
struct ColourPicture {
    let channels: Int
    let height: Int
    let width: Int
    var values: [Float]

    private var area: Int { height * width }

    /// Each number changed by itself.
    private mutating func map(_ change: (Float) -> Float) { values = values.map(change) }

    /// This picture mixed with another: `other + factor · (self − other)`, cut to 0…1.
    private mutating func blend(with other: [Float], _ factor: Float) {
        for place in values.indices {
            values[place] = min(max(other[place] + factor * (values[place] - other[place]), 0), 1)
        }
    }

    /// The brightness of each pixel.
    private var luminance: [Float] {
        let weights: [Float] =
            channels == 3 ? [0.299, 0.587, 0.114] : .init(repeating: 1 / Float(channels), count: channels)
        return (0..<area).map { pixel in
            (0..<channels).reduce(0) { $0 + weights[$1] * values[$1 * area + pixel] }
        }
    }

    /// The mean of each channel.
    private var means: [Float] {
        (0..<channels).map { channel in
            Float(values[channel * area..<(channel + 1) * area].reduce(0.0) { $0 + Double($1) } / Double(area))
        }
    }

    /// Every channel stretched to 0…1.
    mutating func stretchContrast() {
        for channel in 0..<channels {
            let plane = channel * area..<(channel + 1) * area
            guard let low = values[plane].min(), let high = values[plane].max(), high > low else { continue }
            for place in plane { values[place] = (values[place] - low) / (high - low) }
        }
    }

    /// Every channel's 256 levels spread so that each is about equally often.
    mutating func equalize() {
        for channel in 0..<channels {
            let plane = channel * area..<(channel + 1) * area
            var counts = [Int](repeating: 0, count: 256)
            for place in plane { counts[level(values[place])] += 1 }
            // Pixels above the last level are not spread: what has one level stays as it is.
            guard let last = counts.lastIndex(where: { $0 > 0 }) else { continue }
            let step = (area - counts[last]) / 255
            guard step > 0 else { continue }
            var table = [Float](repeating: 0, count: 256)
            var before = step / 2
            for value in 0..<256 {
                table[value] = Float(min(before / step, 255)) / 255
                before += counts[value]
            }
            for place in plane { values[place] = table[level(values[place])] }
        }
    }

    private func level(_ value: Float) -> Int { Int((min(max(value, 0), 1) * 255).rounded()) }

    /// Light becomes dark.
    mutating func invert() { map { 1 - $0 } }

    /// Numbers from a threshold on are inverted.
    mutating func solarize(from threshold: Float) { map { $0 >= threshold ? 1 - $0 : $0 } }

    /// Numbers of the darker half are raised.
    mutating func raiseDark(by amount: Float) { map { $0 < 128.0 / 255 ? min($0 + amount, 1) : $0 } }

    /// Only the highest bits of eight are kept.
    mutating func posterize(bits: Int) {
        let mask = bits >= 8 ? 255 : ~(255 >> max(bits, 0)) & 255
        values = values.map { Float(level($0) & mask) / 255 }
    }

    /// Colour against gray; 1 changes nothing.
    mutating func saturate(_ factor: Float) {
        let gray = luminance
        blend(with: (0..<channels).flatMap { _ in gray }, factor)
    }

    /// Contrast against the mean brightness.
    mutating func changeContrast(_ factor: Float) {
        let gray = luminance
        let mean = Float(gray.reduce(0.0) { $0 + Double($1) } / Double(area))
        blend(with: [Float](repeating: mean, count: values.count), factor)
    }

    /// Brightness against black.
    mutating func brighten(_ factor: Float) { blend(with: [Float](repeating: 0, count: values.count), factor) }

    /// Sharpness against a smoothed picture (weights 1, in the middle 5, of 13); the border stays.
    mutating func sharpen(_ factor: Float) {
        var smooth = values
        if height > 2 && width > 2 {
            for channel in 0..<channels {
                for y in 1..<height - 1 {
                    for x in 1..<width - 1 {
                        let place = channel * area + y * width + x
                        var sum = 4 * values[place]
                        for row in -1...1 { for column in -1...1 { sum += values[place + row * width + column] } }
                        smooth[place] = sum / 13
                    }
                }
            }
        }
        blend(with: smooth, factor)
    }

    /// The picture moved: the pixel at (x, y) is taken from (a·x + b·y + c, d·x + e·y + f), between pixels by bilinear weights;
    /// beyond the picture is its mean colour.
    mutating func move(_ m: (a: Float, b: Float, c: Float, d: Float, e: Float, f: Float)) {
        let (fill, old) = (means, values)
        for y in 0..<height {
            for x in 0..<width {
                let fromX = m.a * Float(x) + m.b * Float(y) + m.c
                let fromY = m.d * Float(x) + m.e * Float(y) + m.f
                let (left, top) = (fromX.rounded(.down), fromY.rounded(.down))
                let (right, down) = (fromX - left, fromY - top)
                guard left > -2, top > -2, left < Float(width), top < Float(height) else {
                    for channel in 0..<channels { values[channel * area + y * width + x] = fill[channel] }
                    continue
                }
                let (column, row) = (Int(left), Int(top))
                for channel in 0..<channels {
                    func at(_ row: Int, _ column: Int) -> Float {
                        (0..<height).contains(row) && (0..<width).contains(column)
                            ? old[channel * area + row * width + column] : fill[channel]
                    }
                    let above = at(row, column) * (1 - right) + at(row, column + 1) * right
                    let below = at(row + 1, column) * (1 - right) + at(row + 1, column + 1) * right
                    values[channel * area + y * width + x] = above * (1 - down) + below * down
                }
            }
        }
    }
}
