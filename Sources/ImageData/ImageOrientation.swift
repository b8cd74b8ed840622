/// The way a stored picture is to be turned before it is looked at: the values of EXIF tag 0x0112.
public enum ImageOrientation: Int, Sendable, CaseIterable {
    /// As stored.
    case upright = 1
    /// Mirror left to right.
    case mirrored = 2
    /// Rotate by half a turn.
    case rotatedHalf = 3
    /// Mirror top to bottom.
    case flipped = 4
    /// Exchange rows and columns.
    case transposed = 5
    /// Rotate a quarter clockwise.
    case rotatedClockwise = 6
    /// Exchange rows and columns along the other diagonal.
    case transverse = 7
    /// Rotate a quarter counter-clockwise.
    case rotatedCounterclockwise = 8

    /// The orientation that a JPEG file states in its EXIF block; anything odd is `upright`.
    ///
    /// Reads only the first EXIF segment before the picture data, and only its first directory: offsets are relative to
    /// that segment and never followed out of it.
    public init(jpeg file: UnsafeRawBufferPointer) {
        self = Self.exifBlock(of: file).flatMap(Self.init(exif:)) ?? .upright
    }

    /// The orientation in a TIFF structure, the content of an EXIF block; nil where there is none.
    init?(exif block: UnsafeRawBufferPointer) {
        guard block.count >= 8 else { return nil }
        let littleEndian: Bool
        switch (block[0], block[1]) {
        case (0x49, 0x49): littleEndian = true
        case (0x4D, 0x4D): littleEndian = false
        default: return nil
        }
        func number(at offset: Int, bytes: Int) -> Int? {
            guard offset >= 0, offset + bytes <= block.count else { return nil }
            return (0..<bytes).reduce(0) { sum, i in
                sum << 8 | Int(block[offset + (littleEndian ? bytes - 1 - i : i)])
            }
        }
        guard number(at: 2, bytes: 2) == 42, let directory = number(at: 4, bytes: 4),
            let entries = number(at: directory, bytes: 2)
        else { return nil }
        for entry in 0..<entries {
            let start = directory + 2 + 12 * entry
            guard let tag = number(at: start, bytes: 2) else { return nil }
            guard tag == 0x0112 else { continue }
            // One number of type SHORT; anything else is not the orientation that the standard describes.
            guard number(at: start + 2, bytes: 2) == 3, number(at: start + 4, bytes: 4) == 1,
                let value = number(at: start + 8, bytes: 2)
            else { return nil }
            self.init(rawValue: value)
            return
        }
        return nil
    }

    /// The TIFF structure inside the APP1 segment named "Exif".
    private static func exifBlock(of file: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer? {
        let name: [UInt8] = [0x45, 0x78, 0x69, 0x66, 0, 0]
        var position = 2
        while position + 4 <= file.count, file[position] == 0xFF {
            let marker = file[position + 1]
            if marker == 0xFF {  // a fill byte
                position += 1
                continue
            }
            // Start of scan or end of picture: no headers follow.
            if marker == 0xDA || marker == 0xD9 { return nil }
            if marker == 0x01 || (0xD0...0xD8).contains(marker) {  // markers without content
                position += 2
                continue
            }
            let length = Int(file[position + 2]) << 8 | Int(file[position + 3])
            guard length >= 2, position + 2 + length <= file.count else { return nil }
            let content = file[(position + 4)..<(position + 2 + length)]
            if marker == 0xE1, content.starts(with: name) {
                return UnsafeRawBufferPointer(rebasing: content.dropFirst(name.count))
            }
            position += 2 + length
        }
        return nil
    }
}

extension DecodedImage {
    /// The picture turned upright from a stored orientation.
    public func turned(_ orientation: ImageOrientation) -> DecodedImage {
        let (h, w) = (height, width)
        return switch orientation {
        case .upright: self
        case .mirrored: flippedLeftRight()
        case .rotatedHalf: gathered(height: h, width: w) { (h - 1 - $0, w - 1 - $1) }
        case .flipped: gathered(height: h, width: w) { (h - 1 - $0, $1) }
        case .transposed: gathered(height: w, width: h) { ($1, $0) }
        case .rotatedClockwise: gathered(height: w, width: h) { (h - 1 - $1, $0) }
        case .transverse: gathered(height: w, width: h) { (h - 1 - $1, w - 1 - $0) }
        case .rotatedCounterclockwise: gathered(height: w, width: h) { ($1, w - 1 - $0) }
        }
    }
}
