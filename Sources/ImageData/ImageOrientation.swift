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

extension ImageOrientation {
    /// True where the rows of the stored picture are columns of the upright one.
    var exchangesAxes: Bool { rawValue >= 5 }

    /// The place in a stored picture of some height and width of the pixel that stands at a row and column of the upright one.
    func stored(_ row: Int, _ column: Int, height: Int, width: Int) -> (row: Int, column: Int) {
        switch self {
        case .upright: (row, column)
        case .mirrored: (row, width - 1 - column)
        case .rotatedHalf: (height - 1 - row, width - 1 - column)
        case .flipped: (height - 1 - row, column)
        case .transposed: (column, row)
        case .rotatedClockwise: (height - 1 - column, row)
        case .transverse: (height - 1 - column, width - 1 - row)
        case .rotatedCounterclockwise: (column, width - 1 - row)
        }
    }

    /// The rectangle of a stored picture of some height and width that a rectangle of the upright one shows.
    func stored(_ rectangle: CropRectangle, height: Int, width: Int) -> CropRectangle {
        let first = stored(rectangle.top, rectangle.left, height: height, width: width)
        let last = stored(
            rectangle.top + rectangle.height - 1, rectangle.left + rectangle.width - 1, height: height, width: width)
        return CropRectangle(
            top: min(first.row, last.row), left: min(first.column, last.column),
            height: abs(first.row - last.row) + 1, width: abs(first.column - last.column) + 1)
    }
}

extension DecodedImage {
    /// The picture turned upright from a stored orientation.
    public func turned(_ orientation: ImageOrientation) -> DecodedImage {
        guard orientation != .upright else { return self }
        let (h, w) = (height, width)
        let swaps = orientation.exchangesAxes
        var turned = gathered(height: swaps ? w : h, width: swaps ? h : w) {
            orientation.stored($0, $1, height: h, width: w)
        }
        turned.omissions = omissions
        return turned
    }
}
