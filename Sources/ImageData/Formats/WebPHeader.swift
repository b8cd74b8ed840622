/// What the chunks of a WebP file say of it, read without decoding.
enum WebPHeader {
    /// Rows and columns of the canvas; nil where they are not found. A guess, no more: libwebp reads the header itself.
    static func size(of file: UnsafeRawBufferPointer) -> (height: Int, width: Int)? {
        func number(_ place: Int, _ bytes: Int) -> Int {
            (0..<bytes).reduce(0) { $0 | Int(file[place + $1]) << (8 * $1) }
        }
        guard file.count >= 30 else { return nil }
        switch String(decoding: file[12..<16], as: UTF8.self) {
        case "VP8X": return (number(27, 3) + 1, number(24, 3) + 1)
        case "VP8L": return (number(21, 4) >> 14 & 0x3FFF + 1, number(21, 4) & 0x3FFF + 1)
        case "VP8 ": return (number(28, 2) & 0x3FFF, number(26, 2) & 0x3FFF)
        default: return nil
        }
    }

    /// The orientation in the chunk EXIF; anything odd is `upright`.
    static func orientation(of file: UnsafeRawBufferPointer) -> ImageOrientation {
        var place = 12
        while place + 8 <= file.count {
            let size = (0..<4).reduce(0) { $0 | Int(file[place + 4 + $1]) << (8 * $1) }
            let start = place + 8
            guard size <= file.count - start else { return .upright }
            if file[place..<(place + 4)].elementsEqual("EXIF".utf8) {
                return ImageOrientation(exif: UnsafeRawBufferPointer(rebasing: file[start..<(start + size)]))
                    ?? .upright
            }
            place = start + size + size % 2
        }
        return .upright
    }
}
