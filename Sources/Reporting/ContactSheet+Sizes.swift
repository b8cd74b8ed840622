extension ContactSheet.Picture {
    /// The picture with both sides divided by the same integer so that none is longer than `longest`: means of squares of pixels,
    /// cut off where they do not fit. A picture that is small enough stays as it is.
    public func reduced(toFit longest: Int) -> ContactSheet.Picture {
        let factor = (max(height, width) + longest - 1) / longest
        let (rows, columns) = (height / max(1, factor), width / max(1, factor))
        guard factor > 1, rows > 0, columns > 0 else { return self }
        var small = [Float](repeating: 0, count: 3 * rows * columns)
        let share = 1 / Float(factor * factor)
        for y in 0..<rows * factor {
            for x in 0..<columns * factor {
                let (from, to) = (3 * (y * width + x), 3 * (y / factor * columns + x / factor))
                for channel in 0..<3 { small[to + channel] += samples[from + channel] * share }
            }
        }
        return ContactSheet.Picture(height: rows, width: columns, samples: small)
    }

    /// The picture with each pixel drawn `factor` times in both directions.
    public func enlarged(by factor: Int) -> ContactSheet.Picture {
        guard factor > 1 else { return self }
        var large: [Float] = []
        large.reserveCapacity(samples.count * factor * factor)
        for y in 0..<height * factor {
            for x in 0..<width * factor {
                let source = 3 * (y / factor * width + x / factor)
                large += samples[source..<source + 3]
            }
        }
        return ContactSheet.Picture(height: height * factor, width: width * factor, samples: large)
    }
}

extension Array {
    /// The elements in runs of so many.
    package func inRows(of count: Int) -> [[Element]] {
        stride(from: 0, to: self.count, by: count).map { Array(self[$0..<Swift.min($0 + count, self.count)]) }
    }
}
