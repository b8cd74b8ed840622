extension FeatureTable {
    /// The table as comma-separated text (RFC 4180, lines end with LF): a header `key,label,f0,f1,…`, then a line a picture.
    ///
    /// A label is the name of its class, or its number where there are no names; empty where there is none. Features have as many
    /// digits as give the same float32 when they are read.
    public var csv: [UInt8] {
        var text = Array("key,label".utf8)
        for column in 0..<dimension { text += ",f\(column)".utf8 }
        text.append(10)
        for row in 0..<count {
            text += Self.field(keys.isEmpty ? "\(row)" : keys[row])
            text.append(UInt8(ascii: ","))
            if let label = labels?[row] {
                let names = classNames ?? []
                text += Self.field(names.indices.contains(label) ? names[label] : "\(label)")
            }
            for value in features[(row * dimension)..<((row + 1) * dimension)] {
                text.append(UInt8(ascii: ","))
                text += value.description.utf8
            }
            text.append(10)
        }
        return text
    }

    /// A field, in quotation marks where it must be, or where readers could take blanks around it for nothing.
    private static func field(_ text: String) -> [UInt8] {
        let bytes = Array(text.utf8)
        let special: Set<UInt8> = [UInt8(ascii: ","), UInt8(ascii: "\""), 10, 13]
        let blanks: Set<UInt8> = [UInt8(ascii: " "), UInt8(ascii: "\t")]
        let ends = [bytes.first, bytes.last].compactMap { $0 }
        guard bytes.contains(where: special.contains) || ends.contains(where: blanks.contains) else { return bytes }
        let quote = UInt8(ascii: "\"")
        return [quote] + bytes.flatMap { $0 == quote ? [quote, quote] : [$0] } + [quote]
    }

    /// The features alone in NumPy's form, version 1.0: float32 [count, dimension], little-endian, row after row.
    public var npy: [UInt8] {
        var bytes = NumPyHeader.bytes(type: "<f4", shape: [count, dimension])
        bytes.reserveCapacity(bytes.count + 4 * features.count)
        for value in features {
            withUnsafeBytes(of: value.bitPattern.littleEndian) { bytes.append(contentsOf: $0) }
        }
        return bytes
    }
}
