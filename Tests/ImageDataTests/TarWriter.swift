/// Archives made by tests, byte by byte.
struct TarWriter {
    private(set) var bytes: [UInt8] = []

    /// Adds a header, and content where there is any.
    mutating func add(_ name: [UInt8], _ content: [UInt8] = [], type: UInt8 = UInt8(ascii: "0"), target: String = "") {
        var header = [UInt8](repeating: 0, count: 512)
        func put(_ text: some Sequence<UInt8>, at place: Int) {
            for (i, byte) in text.enumerated() { header[place + i] = byte }
        }
        func octal(_ value: Int, _ width: Int) -> [UInt8] {
            let digits = String(value, radix: 8)
            return Array((String(repeating: "0", count: width - digits.count) + digits).utf8)
        }
        put(name, at: 0)
        put(octal(0o644, 7), at: 100)
        put(octal(content.count, 11), at: 124)
        header[156] = type
        put(target.utf8, at: 157)
        put("ustar\0".utf8, at: 257)
        put([UInt8](repeating: 0x20, count: 8), at: 148)
        put(octal(header.reduce(0) { $0 + Int($1) }, 6) + [0, 0x20], at: 148)
        bytes += header + content + [UInt8](repeating: 0, count: (512 - content.count % 512) % 512)
    }

    mutating func add(_ name: String, _ content: [UInt8] = [], type: Character = "0", target: String = "") {
        add(Array(name.utf8), content, type: type.asciiValue ?? 0, target: target)
    }

    /// The end mark.
    mutating func end() { bytes += [UInt8](repeating: 0, count: 1024) }
}
