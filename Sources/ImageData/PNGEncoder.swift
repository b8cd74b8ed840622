import CPalimpsestImageCodecs

/// Writes pictures as PNG.
public enum PNGEncoder {
    /// The bytes of a PNG file with 8-bit samples [height, width, channels]; channels 1 (gray) or 3 (RGB).
    ///
    /// What we draw to be looked at is `marked`: such a file is drawn anew without a question. Pictures that are data are not.
    public static func encode(
        _ samples: [UInt8], height: Int, width: Int, channels: Int, marked: Bool = false
    ) throws(ImageError) -> [UInt8] {
        precondition(
            (channels == 1 || channels == 3) && height >= 1 && width >= 1 && height <= 1_000_000 && width <= 1_000_000
                && samples.count == height * width * channels,
            "\(samples.count) samples do not make a PNG of \(height) x \(width) pixels with \(channels) channels")
        return try encodedFile("PNG") {
            pal_encode_png(samples, UInt32(width), UInt32(height), UInt32(channels), marked ? 1 : 0, $0, $1, $2)
        }
    }

    /// The bytes of a PNG file of a gray or RGB picture, with 8 bits a sample.
    public static func encode(_ image: DecodedImage) throws(ImageError) -> [UInt8] {
        try encode(image.bytes(), height: image.height, width: image.width, channels: image.channels)
    }
}

/// The bytes that an encoder of the C library makes, which gets the places of its result, of the result's length and of 256 bytes
/// for what went wrong.
func encodedFile(
    _ format: String,
    _ encode: (
        UnsafeMutablePointer<UnsafeMutablePointer<UInt8>?>, UnsafeMutablePointer<Int>, UnsafeMutablePointer<CChar>
    ) -> pal_status
) throws(ImageError) -> [UInt8] {
    var encoded: UnsafeMutablePointer<UInt8>?
    var size = 0
    var message = [CChar](repeating: 0, count: 256)
    let status = encode(&encoded, &size, &message)
    defer { pal_free(encoded) }
    guard status == PAL_OK, let encoded else {
        let text = String(decoding: message.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        throw ImageError(.io, path: "", "cannot encode a \(format): \(text.isEmpty ? "out of memory" : text)")
    }
    return [UInt8](UnsafeBufferPointer(start: encoded, count: size))
}
