import CPalimpsestImageCodecs

/// Writes pictures as JPEG, for pages that hold very many small ones.
package enum JPEGEncoder {
    /// The longest side of a JPEG file, in pixels.
    package static let longestSide = 65_500

    /// The bytes of a JPEG file with 8-bit samples [height, width, 3], its quality from 1 to 100.
    package static func encode(_ samples: [UInt8], height: Int, width: Int, quality: Int) throws(ImageError) -> [UInt8]
    {
        let sides = 1...longestSide
        precondition(
            sides.contains(height) && sides.contains(width) && samples.count == 3 * height * width
                && (1...100).contains(quality),
            "\(samples.count) samples do not make a JPEG of \(height) x \(width) pixels of quality \(quality)")
        var encoded: UnsafeMutablePointer<UInt8>?
        var size = 0
        var message = [CChar](repeating: 0, count: 256)
        let status = pal_encode_jpeg(
            samples, UInt32(width), UInt32(height), 3, Int32(quality), &encoded, &size, &message)
        defer { pal_free(encoded) }
        guard status == PAL_OK, let encoded else {
            let text = String(decoding: message.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
            throw ImageError(.io, path: "", "cannot encode a JPEG: \(text.isEmpty ? "out of memory" : text)")
        }
        return [UInt8](UnsafeBufferPointer(start: encoded, count: size))
    }
}
