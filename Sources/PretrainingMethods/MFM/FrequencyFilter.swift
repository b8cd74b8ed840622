public import Autodiff
public import ImageMasking

/// Removes the frequencies of a mask from pictures.
public enum FrequencyFilter {
    /// The real part of what is left of pictures `[B, C, H, W]` under each image's filter, not clamped.
    ///
    /// Low-pass and high-pass add up to the picture, so only the low-pass part is transformed; where that is a disc, only the
    /// frequencies around it.
    public static func filtered(_ pictures: Tensor, _ mask: FrequencyMask, engine: Engine) -> Tensor {
        let shape = pictures.shape
        let (height, width) = (shape[2], shape[3])
        let farthest = (height / 2) * (height / 2) + (width / 2) * (width / 2)
        let isDisc = mask.outerRadius > height + width || mask.outerRadius * mask.outerRadius > farthest
        let limit = isDisc ? max(0, mask.radius - 1) : nil
        let transform = FourierTransform(height: height, width: width, limit: limit)
        let keeps = keptFrequencies(height, width, mask, limit: limit)

        var tape = Tape(engine: engine, recording: false)
        let planes = tape.constant(pictures.reshaped([shape[0] * shape[1], height, width]))
        var spectra = transform.quadrants(planes, on: &tape).value
        keep(keeps, rows: transform.rows, columns: transform.columns, in: &spectra)
        var result = transform.pictures(tape.constant(spectra), on: &tape).value.reshaped(shape)
        let size = shape[1] * height * width
        result.withUnsafeMutableBuffer { low in
            pictures.withUnsafeBuffer { x in
                for (image, isLow) in mask.lowPass.enumerated() where !isLow {
                    for place in image * size..<(image + 1) * size { low[place] = x[place] - low[place] }
                }
            }
        }
        return result
    }

    /// Whether low-pass keeps each of the transform's frequencies.
    private static func keptFrequencies(_ height: Int, _ width: Int, _ mask: FrequencyMask, limit: Int?) -> [Bool] {
        let all = FrequencyMask.lowPassKeeps(
            height: height, width: width, radius: mask.radius, outerRadius: mask.outerRadius)
        let columns = FourierTransform.frequencies(width, .shifted, limit: limit)
        return FourierTransform.frequencies(height, .shifted, limit: limit).flatMap { v in
            columns.map { u in all[(v + height / 2) * width + u + width / 2] }
        }
    }

    /// Turns quadrants into spectra as the adjoint wants them, zero where nothing is kept.
    private static func keep(_ keeps: [Bool], rows: Int, columns: Int, in spectra: inout Tensor) {
        let across = 2 * columns
        spectra.withUnsafeMutableBuffer { q in
            for start in stride(from: 0, to: q.count, by: 2 * rows * across) {
                for row in 0..<rows {
                    for column in 0..<columns {
                        let top = start + row * across + column
                        let bottom = top + rows * across
                        let kept = keeps[row * columns + column]
                        let real = kept ? q[top] - q[bottom + columns] : 0
                        let negativeImaginary = kept ? q[top + columns] + q[bottom] : 0
                        q[top] = real
                        q[top + columns] = negativeImaginary
                        q[bottom] = negativeImaginary
                        q[bottom + columns] = -real
                    }
                }
            }
        }
    }
}
