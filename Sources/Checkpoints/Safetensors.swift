import RecipeSchema

/// Reads and writes safetensors files (https://github.com/huggingface/safetensors).
///
/// Layout: the length of the header as 8 little-endian bytes, the header (JSON), the data. Stricter than the reference
/// reader in one point: a name that comes twice is refused.
public enum Safetensors {
    /// Most bytes of the header that readers take.
    public static let mostHeaderBytes = SafetensorsHeader.limit

    /// Reads a file; fails with the fault, the tensor and what is allowed.
    public static func read(_ path: String) throws(CheckpointError) -> SafetensorsFile {
        let reader = try FileReader(path)
        return try read(count: reader.size, path: path) { (count) throws(CheckpointError) in try reader.read(count) }
    }

    /// Reads the bytes of a file; `path` is for errors.
    public static func read(
        _ bytes: [UInt8], path: String = "safetensors data"
    ) throws(CheckpointError) -> SafetensorsFile {
        var position = 0
        return try read(count: bytes.count, path: path) { (count) throws(CheckpointError) in
            position += count
            return [UInt8](bytes[(position - count)..<position])
        }
    }

    /// The strings of a file; nothing of its tensors is read.
    public static func metadata(_ path: String) throws(CheckpointError) -> [String: String] {
        let reader = try FileReader(path)
        return try header(count: reader.size, path: path) { (count) throws(CheckpointError) in try reader.read(count) }
            .metadata
    }

    private static func read(
        count: Int, path: String, next: (Int) throws(CheckpointError) -> [UInt8]
    ) throws(CheckpointError) -> SafetensorsFile {
        let header = try header(count: count, path: path, next: next)
        var file = SafetensorsFile(metadata: header.metadata)
        for entry in header.entries {
            let bytes = try next(entry.end - entry.begin)
            file[entry.name] = StoredTensor(dtype: entry.dtype, shape: entry.shape, bytes: bytes)
        }
        return file
    }

    private static func header(
        count: Int, path: String, next: (Int) throws(CheckpointError) -> [UInt8]
    ) throws(CheckpointError) -> SafetensorsHeader {
        guard count >= 8 else {
            throw CheckpointError(
                .invalid, path: path, "has \(count) bytes; a safetensors file has at least 8, the length of its header")
        }
        let length = try next(8).reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        guard length <= UInt64(SafetensorsHeader.limit), length <= UInt64(count - 8) else {
            let allowed = min(SafetensorsHeader.limit, count - 8)
            throw CheckpointError(
                .invalid, path: path,
                "the header would take \(length) bytes; at most \(allowed) are possible in this file of \(count)")
        }
        let json = try next(Int(length))
        return try SafetensorsHeader(json, dataCount: count - 8 - Int(length), path: path)
    }

    /// Writes a file: complete or not at all.
    @discardableResult
    public static func write(_ file: SafetensorsFile, to path: String) throws(CheckpointError) -> FileSummary {
        try AtomicFile.write(to: path) { (writer: inout FileWriter) throws(CheckpointError) in
            try write(file, into: &writer)
        }
    }

    /// Appends a safetensors file to what is being written, tensor after tensor.
    public static func write(_ file: SafetensorsFile, into writer: inout FileWriter) throws(CheckpointError) {
        try writer.write(head(of: file))
        for (_, tensor) in ordered(file) { try writer.write(tensor.bytes) }
    }

    /// The bytes of a file.
    public static func bytes(of file: SafetensorsFile) -> [UInt8] {
        ordered(file).reduce(into: head(of: file)) { $0 += $1.tensor.bytes }
    }

    /// The tensors as the reference writer orders them: wide elements first, so that all are aligned, then by name.
    private static func ordered(_ file: SafetensorsFile) -> [(name: String, tensor: StoredTensor)] {
        let ranks = Dictionary(
            uniqueKeysWithValues: StoredTensor.ElementType.allCases.enumerated().map { ($0.element, $0.offset) })
        func rank(_ tensor: StoredTensor) -> Int { ranks[tensor.dtype] ?? 0 }
        return file.tensors.map { (name: $0.key, tensor: $0.value) }.sorted {
            let (a, b) = (rank($0.tensor), rank($1.tensor))
            return a != b ? a > b : Array($0.name.utf8).lexicographicallyPrecedes(Array($1.name.utf8))
        }
    }

    /// Length and header, padded so that the data start at a multiple of 8.
    private static func head(of file: SafetensorsFile) -> [UInt8] {
        var members: [(String, JSONValue)] = []
        if !file.metadata.isEmpty {
            let strings = file.metadata.sorted { $0.key < $1.key }.map { ($0.key, JSONValue($0.value)) }
            members.append((SafetensorsHeader.metadataKey, .object(strings)))
        }
        var offset = 0
        for (name, tensor) in ordered(file) {
            precondition(name != SafetensorsHeader.metadataKey, "a tensor cannot be named \(name)")
            let end = offset + tensor.bytes.count
            members.append(
                (
                    name,
                    .object([
                        ("dtype", JSONValue(tensor.dtype.rawValue)),
                        ("shape", JSONValue(tensor.shape.map { JSONValue($0) })),
                        ("data_offsets", JSONValue([JSONValue(offset), JSONValue(end)])),
                    ])
                ))
            offset = end
        }
        var json = [UInt8](JSONValue.object(members).text().utf8)
        while json.count % 8 != 0 { json.append(UInt8(ascii: " ")) }
        return (0..<8).map { UInt8(truncatingIfNeeded: json.count >> (8 * $0)) } + json
    }
}
