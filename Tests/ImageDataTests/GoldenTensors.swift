import Foundation
import TestSupport

/// The tensors of a golden case, read by the few lines that tests need.
struct GoldenTensors {
    struct Entry: Decodable {
        var dtype: String
        var shape: [Int]
        var data_offsets: [Int]
    }
    struct Malformed: Error { var text: String }

    private var entries: [String: Entry] = [:]
    private var data = Data()
    let options: [String: Any]

    /// The case `data/<name>` of the shared folder.
    init(_ name: String) throws {
        let folder = SharedFiles.url("golden/data/\(name)")
        let file = try Data(contentsOf: folder.appendingPathComponent("tensors.safetensors"))
        let size = file.prefix(8).reversed().reduce(0) { $0 << 8 | Int($1) }
        let header = try JSONSerialization.jsonObject(with: file[8..<(8 + size)]) as? [String: Any] ?? [:]
        for (name, value) in header where name != "__metadata__" {
            entries[name] = try JSONDecoder().decode(Entry.self, from: JSONSerialization.data(withJSONObject: value))
        }
        data = Data(file[(8 + size)...])
        let text = try Data(contentsOf: folder.appendingPathComponent("case.json"))
        options = try JSONSerialization.jsonObject(with: text) as? [String: Any] ?? [:]
    }

    /// The per-entry options of the case.
    var cases: [[String: Any]] { options["entries"] as? [[String: Any]] ?? [] }
    var names: [String] { entries.keys.sorted() }

    func shape(_ name: String) throws -> [Int] {
        guard let entry = entries[name] else { throw Malformed(text: "no tensor \(name)") }
        return entry.shape
    }

    func bytes(_ name: String) throws -> [UInt8] {
        guard let entry = entries[name], entry.dtype == "U8" else { throw Malformed(text: "no bytes \(name)") }
        return [UInt8](data[entry.data_offsets[0]..<entry.data_offsets[1]])
    }

    func numbers(_ name: String) throws -> [Double] {
        guard let entry = entries[name] else { throw Malformed(text: "no tensor \(name)") }
        let raw = data.subdata(in: entry.data_offsets[0]..<entry.data_offsets[1])
        func read<Number>(_: Number.Type, _ number: (Number) -> Double) -> [Double] {
            raw.withUnsafeBytes { buffer in
                (0..<(buffer.count / MemoryLayout<Number>.size)).map {
                    number(buffer.loadUnaligned(fromByteOffset: $0 * MemoryLayout<Number>.size, as: Number.self))
                }
            }
        }
        switch entry.dtype {
        case "U8": return read(UInt8.self) { Double($0) }
        case "I32": return read(Int32.self) { Double($0) }
        case "I64": return read(Int64.self) { Double($0) }
        case "F32": return read(Float.self) { Double($0) }
        case "F64": return read(Double.self) { $0 }
        default: throw Malformed(text: "type \(entry.dtype)")
        }
    }
}
