public import Checkpoints
public import ImageData
import ImageMasking
public import ProcessGroups
import RecipeSchema

/// Features of all patches of the pictures of a source, as a file that is written batch by batch.
///
/// safetensors: `tokens` [N, rows, columns, D] in source order, `labels` [N] int64 where every picture has one, and keys, class names
/// and provenance as metadata. NumPy: the tokens alone. Of a picture that cannot be read there is no row.
public struct PatchTokenFile {
    /// The form of the file.
    public enum Form: Sendable {
        /// With labels, keys and where the features come from.
        case safetensors
        /// The features alone.
        case npy
    }

    /// The numbers of the file.
    public enum Precision: String, Sendable, CaseIterable {
        /// As they are computed.
        case float32
        /// Rounded to half precision: half the bytes, and three digits.
        case float16

        /// Bytes of a number.
        public var size: Int { self == .float32 ? 4 : 2 }
    }

    /// What was written.
    public struct Written: Sendable {
        /// Rows: pictures that could be read.
        public var count: Int
        /// Pictures that are left out.
        public var skipped: [SkippedPicture]
    }

    private let features: PatchFeatures
    private let source: any ImageSource
    private let form: Form
    private let precision: Precision
    private let metadata: [String: String]
    private let labels: [Int]?

    /// A file of the features of the pictures of a source; `metadata` joins what is said of the features.
    public init(
        _ features: PatchFeatures, of source: any ImageSource, as form: Form, _ precision: Precision,
        metadata: [String: String]
    ) {
        self.features = features
        self.source = source
        self.form = form
        self.precision = precision
        self.metadata = metadata.merging(features.provenance) { own, _ in own }
        let known = (0..<source.count).compactMap { source.label($0) }
        labels = form == .safetensors && known.count == source.count ? known : nil
    }

    /// The axes where every picture can be read: pictures, rows, columns, features.
    public var shape: [Int] { shape(source.count) }

    private func shape(_ count: Int) -> [Int] {
        [count, features.grid.rows, features.grid.columns, features.dimension]
    }

    /// Bytes of the file, about: those of the numbers, in double precision since there may be very many.
    public var bytes: Double { Double(perPicture) * Double(source.count) + Double(room) }

    private var perPicture: Int { features.grid.count * features.dimension * precision.size }

    /// Bytes in front of the tokens: a multiple of 64.
    private var room: Int {
        switch form {
        case .npy: return 128
        case .safetensors:
            let header = header((0..<source.count).map { source.key($0) }, [], skipped: 0).utf8.count
            return (8 + header + Self.roomForFaults + 8 * (labels?.count ?? 0) + 63) / 64 * 64
        }
    }

    /// Bytes of the header for the names of pictures that cannot be read.
    private static let roomForFaults = 32_768

    /// Writes the file, complete or not at all. `onProgress` is told how many pictures are done; when it throws, that is the end.
    /// The processes of a group, which call this alike, share the work; the first one writes.
    public func write(
        to output: OutputFile, policy: EvaluationLoader.Policy, sharedBy group: ProcessGroup = .alone,
        onProgress: (Int) throws -> Void = { _ in }
    ) throws -> Written {
        let room = room
        guard form == .npy || room - 8 * (labels?.count ?? 0) <= Safetensors.mostHeaderBytes else {
            group.endTogether()
            throw EvaluationError(
                "the names of \(source.count) pictures are too long for the header of a safetensors file, which has at most "
                    + "\(Safetensors.mostHeaderBytes) bytes; take a part of the pictures, or write .npy")
        }
        var samples: [Int] = []
        var skipped: [SkippedPicture] = []
        func walk(_ write: ([UInt8]) throws -> Void) throws {
            let batches = SharedBatches(
                source, features.transform, batchSize: PixelJudge.batch(features, scores: 0), threads: 2,
                policy: policy, sharedBy: group)
            try batches.forEach(make: features.features) { rows, values in
                if group.isFirst { try write(try encoded(values, of: rows)) }
                samples += rows.samples
                skipped += rows.skipped
                try onProgress(samples.count + skipped.count)
            }
        }
        if group.isFirst {
            try output.write(room: room) { writer in
                try walk { try writer.write($0) }
                return head(samples, skipped, room: room)
            }
        } else {
            try walk { _ in }
        }
        return Written(count: samples.count, skipped: skipped)
    }

    /// The numbers of a batch as they stand in the file.
    private func encoded(_ values: [Float], of batch: BatchRows) throws -> [UInt8] {
        func key(_ place: Int) -> String {
            source.key(batch.samples[place / (features.grid.count * features.dimension)])
        }
        if let place = values.firstIndex(where: { !$0.isFinite }) { throw PixelJudge.notFinite(key(place)) }
        if precision == .float32 {
            return values.map { $0.bitPattern.littleEndian }.withUnsafeBytes { [UInt8]($0) }
        }
        var halves: [UInt16] = []
        halves.reserveCapacity(values.count)
        for (place, value) in values.enumerated() {
            guard let bits = HalfPrecision.bits(of: value) else {
                throw EvaluationError(
                    "a patch of `\(key(place))` has the feature \(value), and float16 ends at 65504; write float32")
            }
            halves.append(bits.littleEndian)
        }
        return halves.withUnsafeBytes { [UInt8]($0) }
    }

    // MARK: The start of the file

    /// The first `room` bytes, labels included, which end where the tokens begin.
    private func head(_ samples: [Int], _ skipped: [SkippedPicture], room: Int) -> [UInt8] {
        switch form {
        case .npy:
            return NumPyHeader.bytes(
                type: precision == .float32 ? "<f4" : "<f2", shape: shape(samples.count), room: room)
        case .safetensors:
            var values: [UInt8] = []
            if let labels {
                values = samples.flatMap { sample in
                    withUnsafeBytes(of: Int64(labels[sample]).littleEndian) { [UInt8]($0) }
                }
            }
            // Without labels of pictures that were left out the header has more room.
            let length = room - 8 - values.count
            let keys = samples.map { source.key($0) }
            var told = skipped[...]
            var text = Array(header(keys, told, skipped: skipped.count).utf8)
            while text.count > length, !told.isEmpty {
                told = told.prefix(told.count / 2)
                text = Array(header(keys, told, skipped: skipped.count).utf8)
            }
            precondition(text.count <= length, "a header of \(text.count) bytes in \(length)")
            text += [UInt8](repeating: UInt8(ascii: " "), count: length - text.count)
            return (0..<8).map { UInt8(truncatingIfNeeded: length >> (8 * $0)) } + text + values
        }
    }

    private func header(_ keys: [String], _ told: ArraySlice<SkippedPicture>, skipped: Int) -> String {
        var metadata = metadata
        metadata["keys"] = JSONValue(keys.map { JSONValue($0) }).text()
        if labels != nil, let names = source.labelNames {
            metadata["class_names"] = JSONValue(names.map { JSONValue($0) }).text()
        }
        metadata["skipped_count"] = "\(skipped)"
        if !told.isEmpty {
            metadata["skipped"] = JSONValue(told.map(\.row)).text()
        }
        func tensor(_ type: String, _ shape: [Int], _ range: (Int, Int)) -> JSONValue {
            .object([
                ("dtype", JSONValue(type)), ("shape", JSONValue(shape.map { JSONValue($0) })),
                ("data_offsets", JSONValue([JSONValue(range.0), JSONValue(range.1)])),
            ])
        }
        let start = labels == nil ? 0 : 8 * keys.count
        let type: StoredTensor.ElementType = precision == .float32 ? .float32 : .float16
        var members: [(String, JSONValue)] = [
            (
                "__metadata__",
                .object(metadata.sorted { $0.key < $1.key }.map { ($0.key, JSONValue($0.value)) })
            )
        ]
        if labels != nil { members.append(("labels", tensor("I64", [keys.count], (0, start)))) }
        members.append(
            ("tokens", tensor(type.rawValue, shape(keys.count), (start, start + perPicture * keys.count))))
        return JSONValue.object(members).text()
    }
}
