/// A member of a tar archive: a regular file, or a link to one.
struct TarMember {
    /// The path inside the archive: a key, never a place to write to.
    var name: FileName
    /// The place of the content in the (inflated) archive.
    var offset: Int
    /// Bytes of content.
    var size: Int
    /// The path inside the archive that a link leads to; nil for a file.
    var target: FileName?
}

/// Reads tar archives from their start to their end: POSIX ustar, pax and GNU, plain old ones.
///
/// The end is the first zero block, unless another archive follows it, as where archives were joined end to end; that is
/// read on. Memory is bounded whatever the headers claim, and nothing is ever written to a path that an archive names.
struct TarReader<Input: ByteInput> {
    private static var block: Int { 512 }
    /// Most bytes of a long name or of pax records.
    private static var longestRecord: Int { 1 << 20 }
    /// Most bytes of zeros behind an archive that are searched for another one.
    private static var longestGap: Int { 16 << 20 }

    /// What is read; after `read` it stands behind the end mark.
    private(set) var input: Input
    /// Archives behind the first or without an end, and members that are no files.
    private(set) var ledger = SourceLedger()
    private let path: String
    private var longName: FileName?
    private var longTarget: FileName?
    private var paxSize: Int?

    init(_ input: Input, path: String) {
        self.input = input
        self.path = path
    }

    /// Visits the regular files and links in order. `content` is there for the files that `wants` (name, size) chose.
    mutating func read(
        wants: (TarMember) throws(ImageError) -> Bool, visit: (TarMember, [UInt8]?) throws(ImageError) -> Void
    ) throws(ImageError) {
        while let header = try nextHeader() {
            switch header.type {
            case UInt8(ascii: "x"):
                try readPax(try record(header.size))
            case UInt8(ascii: "L"):
                longName = FileName(try record(header.size).prefix { $0 != 0 })
            case UInt8(ascii: "K"):
                longTarget = FileName(try record(header.size).prefix { $0 != 0 })
            case UInt8(ascii: "g"):
                _ = try record(header.size)
            case UInt8(ascii: "S"):
                throw ImageError(
                    .unsupported, path: path, member: header.name.description,
                    "a GNU sparse member; write the archive without --sparse")
            case 0, UInt8(ascii: "0"), UInt8(ascii: "7"):
                try readFile(header, wants, visit)
            case UInt8(ascii: "1"), UInt8(ascii: "2"):
                // Links have no content, whatever their size field says.
                var member = TarMember(name: longName ?? header.name, offset: 0, size: 0)
                member.target = Self.resolved(
                    longTarget ?? header.target, from: header.type == UInt8(ascii: "2") ? member.name.folder : [])
                forgetRecords()
                try visit(member, nil)
            case UInt8(ascii: "3")...UInt8(ascii: "6"):
                if header.type != UInt8(ascii: "5") {
                    let name = longName ?? header.name
                    ledger.add(.notAFile, name.description)
                }
                forgetRecords()  // devices and folders have no content either
            default:
                let size = paxSize ?? header.size
                forgetRecords()
                guard try input.skip(size) else { throw cut(header.name.description, size) }
                try skipPadding(size)
            }
        }
    }

    /// The path of a link's target without "." and "..", which a symbolic link counts from the folder that it lies in.
    private static func resolved(_ target: FileName, from folder: ArraySlice<UInt8>) -> FileName {
        let base = target.bytes.first == FileName.slash ? [] : FileName(folder).components
        var parts: [ArraySlice<UInt8>] = []
        for part in base + target.components {
            if part.elementsEqual("..".utf8) { _ = parts.popLast() } else { parts.append(part) }
        }
        return FileName(parts.joined(separator: [FileName.slash]))
    }

    private mutating func readFile(
        _ header: Header, _ wants: (TarMember) throws(ImageError) -> Bool,
        _ visit: (TarMember, [UInt8]?) throws(ImageError) -> Void
    ) throws(ImageError) {
        let member = TarMember(name: longName ?? header.name, offset: input.position, size: paxSize ?? header.size)
        forgetRecords()
        var content: [UInt8]?
        // An old archive marks folders by a slash alone.
        let isFile = member.name.bytes.last != FileName.slash
        if isFile, try wants(member) {
            let bytes = try input.read(member.size)
            guard bytes.count == member.size else { throw cut(member.name.description, member.size) }
            content = bytes
        } else {
            guard try input.skip(member.size) else { throw cut(member.name.description, member.size) }
        }
        if isFile { try visit(member, content) }
        try skipPadding(member.size)
    }

    /// Long names and pax records hold for one member only.
    private mutating func forgetRecords() {
        longName = nil
        longTarget = nil
        paxSize = nil
    }

    /// The content of a member that describes another one.
    private mutating func record(_ size: Int) throws(ImageError) -> [UInt8] {
        guard size <= Self.longestRecord else {
            throw ImageError(
                .corrupt, path: path, "a header record of \(size) bytes; at most \(Self.longestRecord) are read")
        }
        let bytes = try input.read(size)
        guard bytes.count == size else { throw cut("header record", size) }
        try skipPadding(size)
        return bytes
    }

    private mutating func skipPadding(_ size: Int) throws(ImageError) {
        // The last member's padding may be missing: its content is whole.
        _ = try input.skip((Self.block - size % Self.block) % Self.block)
    }

    private func cut(_ name: String, _ size: Int) -> ImageError {
        ImageError(.truncated, path: path, member: name, "the archive ends before the \(size) bytes of this member")
    }

    /// Lines of `LENGTH KEY=VALUE`, where the length counts the whole line.
    private mutating func readPax(_ bytes: [UInt8]) throws(ImageError) {
        var rest = bytes[...]
        while !rest.isEmpty {
            guard let space = rest.firstIndex(of: UInt8(ascii: " ")),
                let length = Int(String(decoding: rest[..<space], as: UTF8.self)), length > space - rest.startIndex + 1,
                length <= rest.count, rest[rest.startIndex + length - 1] == UInt8(ascii: "\n"),
                let equals = rest[space..<(rest.startIndex + length)].firstIndex(of: UInt8(ascii: "="))
            else { throw ImageError(.corrupt, path: path, "malformed pax records before byte \(input.position)") }
            let key = String(decoding: rest[(space + 1)..<equals], as: UTF8.self)
            let bytes = rest[(equals + 1)..<(rest.startIndex + length - 1)]
            if key == "path" { longName = FileName(bytes) }
            if key == "linkpath" { longTarget = FileName(bytes) }
            if key == "size" {
                let value = String(decoding: bytes, as: UTF8.self)
                guard let size = Int(value), size >= 0, size <= 1 << 62 else {
                    throw ImageError(.corrupt, path: path, "a pax size of `\(value)`")
                }
                paxSize = size
            }
            rest = rest.dropFirst(length)
        }
    }

    private struct Header {
        var name: FileName
        var target: FileName
        var size: Int
        var type: UInt8
    }

    /// The next header; nil at the end of the last archive.
    private mutating func nextHeader() throws(ImageError) -> Header? {
        let archive = path
        var place = input.position
        var bytes = try input.read(Self.block)
        if bytes.isEmpty {
            ledger.add(.archiveEndedEarly, archive)
            return nil
        }
        if isZero(bytes) {
            let end = input.position
            while isZero(bytes), input.position - end <= Self.longestGap {
                place = input.position
                bytes = try input.read(Self.block)
            }
            // Behind the end anything may stand; only what is a header beyond doubt is another archive.
            guard bytes.count == Self.block, !isZero(bytes), try checksumHolds(bytes) else { return nil }
            ledger.add(.secondArchive, archive)
            forgetRecords()
        }
        guard bytes.count == Self.block else {
            throw ImageError(.truncated, path: path, "the archive ends inside the header at byte \(place)")
        }
        guard try checksumHolds(bytes) else {
            throw ImageError(
                .corrupt, path: path, "the header at byte \(place) has a wrong checksum, or this is no tar")
        }
        func text(_ range: Range<Int>) -> FileName { FileName(bytes[range].prefix { $0 != 0 }) }
        var name = text(0..<100)
        if bytes[257..<263].elementsEqual("ustar\0".utf8) { name = name.inside(text(345..<500)) }
        guard let size = Self.number(bytes[124..<136]) else {
            throw ImageError(
                .corrupt, path: path, member: name.description, "a malformed size in the header at byte \(place)")
        }
        return Header(name: name, target: text(157..<257), size: size, type: bytes[156])
    }

    private func isZero(_ bytes: [UInt8]) -> Bool { bytes.count == Self.block && bytes.allSatisfy { $0 == 0 } }

    /// The sum of the header's bytes with the checksum's own as spaces; old writers took bytes as signed.
    private func checksumHolds(_ bytes: [UInt8]) throws(ImageError) -> Bool {
        guard let stated = Self.number(bytes[148..<156]) else { return false }
        var unsigned = 0
        var signed = 0
        for (i, byte) in bytes.enumerated() {
            let counted = (148..<156).contains(i) ? 0x20 : byte
            unsigned += Int(counted)
            signed += Int(Int8(bitPattern: counted))
        }
        return stated == unsigned || stated == signed
    }

    /// An octal number, or a binary one marked by the top bit; nil where it is malformed, negative or beyond 2⁶².
    private static func number(_ field: ArraySlice<UInt8>) -> Int? {
        guard let first = field.first else { return nil }
        if first & 0x80 != 0 {
            guard first & 0x40 == 0 else { return nil }
            var value = Int(first & 0x3F)
            for byte in field.dropFirst() {
                guard value < 1 << 54 else { return nil }
                value = value << 8 | Int(byte)
            }
            return value
        }
        var value = 0
        let digits = field.drop { $0 == 0x20 }
        let end = digits.firstIndex { $0 == 0x20 || $0 == 0 } ?? digits.endIndex
        for byte in digits[..<end] {
            guard (0x30...0x37).contains(byte), value < 1 << 59 else { return nil }
            value = value << 3 | Int(byte - 0x30)
        }
        return value
    }
}
