/// The size that a JPEG file states, read without decoding it.
enum JPEGHeader {
    /// Height and width in the first frame header; nil where none is found before the picture data.
    ///
    /// A guess for choosing how to decode, no more: the decoder reads and checks the header itself.
    static func size(of file: UnsafeRawBufferPointer) -> (height: Int, width: Int)? {
        func word(_ offset: Int) -> Int? {
            offset + 2 <= file.count ? Int(file[offset]) << 8 | Int(file[offset + 1]) : nil
        }
        var place = 2
        while place + 4 <= file.count {
            guard file[place] == 0xFF else { return nil }
            let marker = file[place + 1]
            switch marker {
            case 0xFF: place += 1  // padding
            case 0xC0...0xC3, 0xC5...0xC7, 0xC9...0xCB, 0xCD...0xCF:
                guard let height = word(place + 5), let width = word(place + 7), height > 0, width > 0 else {
                    return nil
                }
                return (height, width)
            case 0x01, 0xD0...0xD8: place += 2  // no content
            case 0xD9, 0xDA: return nil
            default:
                guard let length = word(place + 2), length >= 2 else { return nil }
                place += 2 + length
            }
        }
        return nil
    }
}
