import RecipeSchema

/// The header of a safetensors file: what lies where, checked against the number of data bytes.
///
/// Everything is checked before anything is allocated by what the header says: types, shapes, sizes without overflow,
/// and that the tensors cover the data exactly, without gap or overlap.
struct SafetensorsHeader {
    struct Entry {
        let name: String
        let dtype: StoredTensor.ElementType
        let shape: [Int]
        let begin: Int
        let end: Int
    }

    /// The longest header that is read.
    static let limit = 100_000_000
    /// The key that holds strings about the file.
    static let metadataKey = "__metadata__"

    /// The tensors in the order of their data.
    let entries: [Entry]
    let metadata: [String: String]

    /// Reads a header of JSON bytes that is followed by `dataCount` bytes; `path` is for errors.
    init(_ json: [UInt8], dataCount: Int, path: String) throws(CheckpointError) {
        let root: JSONValue
        do {
            root = try JSONParser.parse(json)
        } catch {
            throw CheckpointError(
                .invalid, path: path, "the header is not the JSON that safetensors allows: \(error.message)")
        }
        guard let members = root.members else {
            throw CheckpointError(.invalid, path: path, "the header is not a JSON object")
        }
        var entries: [Entry] = []
        var metadata: [String: String] = [:]
        for member in members {
            if member.name == Self.metadataKey {
                metadata = try Self.strings(member.value, path: path)
            } else {
                entries.append(try Self.entry(member.name, member.value, dataCount: dataCount, path: path))
            }
        }
        entries.sort { ($0.begin, $0.end, $0.name) < ($1.begin, $1.end, $1.name) }
        var covered = 0
        for entry in entries {
            guard entry.begin == covered else {
                let fault = entry.begin > covered ? "leaves a hole before it" : "overlaps another"
                throw CheckpointError(
                    .invalid, path: path,
                    "the tensor \(quoted(entry.name)) \(fault): it begins at byte \(entry.begin) of the data, "
                        + "the tensors before it end at \(covered)")
            }
            covered = entry.end
        }
        guard covered == dataCount else {
            throw CheckpointError(
                .invalid, path: path, "the tensors take \(covered) bytes, the file has \(dataCount) bytes of data")
        }
        self.entries = entries
        self.metadata = metadata
    }

    private static func strings(_ value: JSONValue, path: String) throws(CheckpointError) -> [String: String] {
        guard let members = value.members else {
            throw CheckpointError(.invalid, path: path, "\(metadataKey) is not an object of strings")
        }
        var strings: [String: String] = [:]
        for member in members {
            guard let text = member.value.string else {
                throw CheckpointError(
                    .invalid, path: path,
                    "\(quoted(member.name)) of \(metadataKey) is not a string; only strings are allowed")
            }
            strings[member.name] = text
        }
        return strings
    }

    private static func entry(
        _ name: String, _ value: JSONValue, dataCount: Int, path: String
    ) throws(CheckpointError) -> Entry {
        func fault(_ text: String) -> CheckpointError {
            CheckpointError(.invalid, path: path, "the tensor \(quoted(name)) \(text)")
        }
        guard value.members != nil else { throw fault("is not described by an object") }
        guard let typeName = value["dtype"]?.string else { throw fault("has no \"dtype\", which is a string") }
        guard let dtype = StoredTensor.ElementType(rawValue: typeName) else {
            let known = StoredTensor.ElementType.allCases.map(\.rawValue).sorted().joined(separator: ", ")
            throw fault("has the element type \(quoted(typeName)); we read \(known)")
        }
        guard let axes = value["shape"]?.array else { throw fault("has no \"shape\", which is a list of integers") }
        var shape: [Int] = []
        // Zero axes are left out of this product, so that no order of the axes hides an overflow.
        var size = dtype.size
        for axis in axes {
            guard let length = axis.int, length >= 0 else {
                throw fault("has the shape \(short(value["shape"])); axes are integers from 0 on")
            }
            shape.append(length)
            let (product, overflow) = size.multipliedReportingOverflow(by: max(length, 1))
            guard !overflow else {
                throw fault("has the shape \(short(value["shape"])), which is more than can be addressed")
            }
            size = product
        }
        if shape.contains(0) { size = 0 }
        guard let offsets = value["data_offsets"]?.array, offsets.count == 2, let begin = offsets[0].int,
            let end = offsets[1].int, begin >= 0, end >= 0
        else { throw fault("has no \"data_offsets\", which is a list of two integers from 0 on") }
        guard begin <= end, end <= dataCount else {
            throw fault("lies at bytes \(begin) to \(end); the file has \(dataCount) bytes of data")
        }
        guard end - begin == size else {
            throw fault(
                "has \(end - begin) bytes for the shape \(short(value["shape"])) of \(typeName), which takes \(size)")
        }
        return Entry(name: name, dtype: dtype, shape: shape, begin: begin, end: end)
    }

    private static func short(_ value: JSONValue?) -> String {
        clipped(value?.text() ?? "[]")
    }
}

/// A name from a file for an error line: quoted, control characters escaped, cut where it is long.
func quoted(_ name: String) -> String { clipped(JSONValue(name).text()) }

private func clipped(_ text: String) -> String {
    text.count <= 120 ? text : "\(text.prefix(120))…"
}
