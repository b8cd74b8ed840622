/// What the header of a PNG says.
package enum PNGHeader {
    /// Its pixels; nil where the bytes end before.
    package static func size(of bytes: UnsafeRawBufferPointer) -> (height: Int, width: Int)? {
        guard bytes.count >= 24 else { return nil }
        func side(_ place: Int) -> Int {
            Int(UInt32(bigEndian: bytes.loadUnaligned(fromByteOffset: place, as: UInt32.self)))
        }
        return (side(20), side(16))
    }
}
