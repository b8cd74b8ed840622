/// The unsigned numbers of a TIFF file, in memory or on a disk.
struct TIFFNumbers {
    /// Bytes of the file.
    let count: Int
    /// Sizes and byte order of its numbers.
    let form: TIFFDirectory.Form
    private let read: (_ place: Int, _ bytes: Int) -> UInt64?

    /// The numbers of a file in memory, of 8 bytes at least.
    init(_ file: UnsafeRawBufferPointer) {
        let form = TIFFDirectory.Form(file)
        count = file.count
        self.form = form
        read = { Self.number(file[$0..<($0 + $1)], form) }
    }

    /// The numbers of a file on a disk; nil for what is no TIFF. Numbers stand together: those around the last one are kept.
    init?(_ file: OpenFile) {
        guard let form = file.bytes(at: 0, 16).withUnsafeBytes({ Self.form($0) }) else { return nil }
        count = file.size
        self.form = form
        var near: (start: Int, bytes: [UInt8]) = (0, [])
        read = { place, bytes in
            if place < near.start || place + bytes > near.start + near.bytes.count {
                near = (place, file.bytes(at: place, max(bytes, min(1 << 12, file.size - place))))
            }
            let first = place - near.start
            guard first + bytes <= near.bytes.count else { return nil }
            return near.bytes.withUnsafeBytes { Self.number($0[first..<(first + bytes)], form) }
        }
    }

    /// The unsigned number of some bytes at a place; nil outside of the file.
    func number(_ place: Int, _ bytes: Int) -> UInt64? {
        guard place >= 0, place <= count - bytes else { return nil }
        return read(place, bytes)
    }

    /// The place of the directory behind that at `offset`, 0 for none; nil where a directory is not whole.
    func directory(behind offset: UInt64) -> UInt64? {
        guard let start = Int(exactly: offset), let entries = number(start, form.countBytes),
            entries <= UInt64(count / form.entryBytes)
        else { return nil }
        let (end, overflows) = start.addingReportingOverflow(form.countBytes + Int(entries) * form.entryBytes)
        return overflows ? nil : number(end, form.offsetBytes)
    }

    /// The form that the first bytes of a file tell; nil for what is no TIFF.
    private static func form(_ start: UnsafeRawBufferPointer) -> TIFFDirectory.Form? {
        guard (try? ImageFormat(of: start, "", nil)) == .tiff, start.count >= 8 else { return nil }
        return TIFFDirectory.Form(start)
    }

    private static func number(_ bytes: Slice<UnsafeRawBufferPointer>, _ form: TIFFDirectory.Form) -> UInt64 {
        form.isLittle
            ? bytes.reversed().reduce(0) { $0 << 8 | UInt64($1) } : bytes.reduce(0) { $0 << 8 | UInt64($1) }
    }
}

extension OpenFile {
    /// The bytes at a place, fewer at the end of the file; none where it cannot be read.
    func bytes(at place: Int, _ count: Int) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        guard let read = try? read(into: &bytes, at: place) else { return [] }
        bytes.removeLast(count - read)
        return bytes
    }
}
