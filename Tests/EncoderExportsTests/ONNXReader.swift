/// A Protocol Buffers message taken apart, for what was written to be read back: fields by number.
struct ReadMessage {
    enum Content {
        case varint(UInt64)
        case fixed(UInt32)
        case bytes(ArraySlice<UInt8>)
    }

    struct Malformed: Error {}

    private(set) var fields: [(number: Int, content: Content)] = []

    init(_ bytes: ArraySlice<UInt8>) throws {
        var rest = bytes
        func varint() throws -> UInt64 {
            var value: UInt64 = 0
            for shift in stride(from: 0, to: 64, by: 7) {
                guard let byte = rest.popFirst() else { throw Malformed() }
                value |= UInt64(byte & 0x7F) << UInt64(shift)
                if byte < 0x80 { return value }
            }
            throw Malformed()
        }
        while !rest.isEmpty {
            let key = try varint()
            switch key & 7 {
            case 0: fields.append((Int(key >> 3), .varint(try varint())))
            case 2:
                let count = Int(try varint())
                guard rest.count >= count else { throw Malformed() }
                fields.append((Int(key >> 3), .bytes(rest.prefix(count))))
                rest = rest.dropFirst(count)
            case 5:
                guard rest.count >= 4 else { throw Malformed() }
                let value = rest.prefix(4).reversed().reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
                fields.append((Int(key >> 3), .fixed(value)))
                rest = rest.dropFirst(4)
            default: throw Malformed()
            }
        }
    }

    func messages(_ number: Int) throws -> [ReadMessage] { try bytes(number).map { try ReadMessage($0) } }
    func texts(_ number: Int) -> [String] { bytes(number).map { String(decoding: $0, as: UTF8.self) } }
    func text(_ number: Int) -> String { texts(number).first ?? "" }

    func bytes(_ number: Int) -> [ArraySlice<UInt8>] {
        fields.compactMap { field in
            if field.number == number, case .bytes(let bytes) = field.content { bytes } else { nil }
        }
    }

    func integers(_ number: Int) -> [Int] {
        fields.compactMap { field in
            if field.number == number, case .varint(let value) = field.content {
                Int(Int64(bitPattern: value))
            } else {
                nil
            }
        }
    }

    func float(_ number: Int) -> Float? {
        fields.lazy.compactMap { field in
            if field.number == number, case .fixed(let bits) = field.content { Float(bitPattern: bits) } else { nil }
        }.first
    }
}
