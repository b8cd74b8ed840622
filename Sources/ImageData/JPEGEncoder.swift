import CPalimpsestImageCodecs

/// Writes pictures as JPEG, for pages that hold very many small ones.
package enum JPEGEncoder {
    /// The longest side of a JPEG file, in pixels.
    private static let longestSide = 65_500

    /// The bytes of a JPEG file with 8-bit samples [height, width, 3], its quality from 1 to 100.
    package static func encode(_ samples: [UInt8], height: Int, width: Int, quality: Int) throws(ImageError) -> [UInt8]
    {
        let sides = 1...longestSide
        precondition(
            sides.contains(height) && sides.contains(width) && samples.count == 3 * height * width
                && (1...100).contains(quality),
            "\(samples.count) samples do not make a JPEG of \(height) x \(width) pixels of quality \(quality)")
        return try encodedFile("JPEG") {
            pal_encode_jpeg(samples, UInt32(width), UInt32(height), Int32(quality), $0, $1, $2)
        }
    }
}
