import ContentDigests

extension DecodedImage {
    /// The SHA-256 of size, channels, kind of number and samples: equal for pictures that are the same, number by number, whatever
    /// file they were read from.
    package var digest: String {
        var digest = SHA256()
        digest.update(Array("\(height) \(width) \(channels) ".utf8))
        func add<Sample>(_ name: String, _ values: [Sample]) {
            digest.update(Array("\(name)\n".utf8))
            values.withUnsafeBytes { digest.update($0) }
        }
        switch samples {
        case .uint8(let values): add("uint8", values)
        case .int8(let values): add("int8", values)
        case .uint16(let values): add("uint16", values)
        case .int16(let values): add("int16", values)
        case .uint32(let values): add("uint32", values)
        case .int32(let values): add("int32", values)
        case .float32(let values): add("float32", values)
        }
        return digest.hexadecimal()
    }
}
