/// What stands in front of the numbers of a NumPy file of version 1.0, whose rows follow one another.
enum NumPyHeader {
    /// The header of numbers of a type (`<f4`) with some axes; it ends at byte `room`, or at a multiple of 64.
    static func bytes(type: String, shape: [Int], room: Int? = nil) -> [UInt8] {
        let axes = shape.map { "\($0)" }.joined(separator: ", ")
        var header = Array("{'descr': '\(type)', 'fortran_order': False, 'shape': (\(axes)), }".utf8)
        // Magic, version and length take 10 bytes, the line end one.
        let size = room ?? (header.count + 11 + 63) / 64 * 64
        header += [UInt8](repeating: UInt8(ascii: " "), count: size - 11 - header.count)
        header.append(10)
        return [0x93] + Array("NUMPY".utf8) + [1, 0, UInt8(header.count & 255), UInt8(header.count >> 8)] + header
    }
}
