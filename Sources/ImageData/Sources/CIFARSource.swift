/// CIFAR-10 and CIFAR-100 in their binary form: records of one or two label bytes and 32 × 32 pixels, a plane a colour.
public struct CIFARSource: ImageSource {
    /// Which of the two sets. The sizes of their records differ by a byte, so a file's size does not tell them apart.
    public enum Variant: String, Sendable, CaseIterable {
        /// Ten classes; a label byte.
        case cifar10
        /// A hundred classes in twenty groups; two label bytes.
        case cifar100

        var recordBytes: Int { Self.pixelBytes + labelBytes }
        fileprivate var labelBytes: Int { self == .cifar10 ? 1 : 2 }
        fileprivate static let pixelBytes = 3 * 32 * 32

        /// The folder in the official archive.
        var archiveFolder: String { self == .cifar10 ? "cifar-10-batches-bin" : "cifar-100-binary" }

        /// The official names of the files of a part.
        func files(_ part: DatasetPart) -> [String] {
            switch (self, part) {
            case (.cifar10, .train): (1...5).map { "data_batch_\($0).bin" }
            case (.cifar10, .test): ["test_batch.bin"]
            case (.cifar100, _): ["\(part.rawValue).bin"]
            }
        }
    }

    /// Which label of CIFAR-100 is used.
    public enum Labels: String, Sendable, CaseIterable {
        /// The class, 0…99 (0…9 with CIFAR-10).
        case fine
        /// The group of classes, 0…19.
        case coarse
    }

    private static let side = 32
    /// Most bytes of all files together.
    private static let mostBytes = 2 << 30

    /// The names of the classes, where they are known.
    public let labelNames: [String]?
    /// What is told of the files.
    public private(set) var ledger = SourceLedger()
    private let variant: Variant
    private let labels: Labels
    private let names: [String]
    private let records: [[UInt8]]
    private let firsts: [Int]

    /// The records of files, one file after another.
    ///
    /// Class names are those of `table`, if it has one for every label, else of the text file beside the records.
    public init(
        files: [String], variant: Variant, labels: Labels = .fine, table: ClassTable? = nil
    ) throws(ImageError) {
        self.variant = variant
        self.labels = variant == .cifar10 ? .fine : labels
        var records: [[UInt8]] = []
        var firsts: [Int] = [0]
        var total = 0
        for file in files {
            let bytes = try readFile(file, limit: Self.mostBytes - total)
            total += bytes.count
            guard bytes.count % variant.recordBytes == 0 else {
                throw ImageError(
                    .truncated, path: file,
                    "\(bytes.count) bytes are no multiple of the \(variant.recordBytes) of a \(variant.rawValue) record: truncated, or another format"
                )
            }
            try Self.checkLabels(bytes, variant, file)
            records.append(bytes)
            firsts.append(firsts[firsts.count - 1] + bytes.count / variant.recordBytes)
        }
        guard firsts[firsts.count - 1] > 0 else { throw ImageError(.empty, path: files.first ?? "", "no records") }
        self.records = records
        self.firsts = firsts
        names = files.map { $0.split(separator: "/").last.map(String.init) ?? $0 }
        let classes = variant == .cifar10 ? 10 : self.labels == .fine ? 100 : 20
        if let table, table.names.count == classes {
            labelNames = table.names
        } else {
            labelNames = try Self.names(beside: files[0], variant, self.labels)
        }
    }

    /// The files of a part in a folder, under their official names; some of the five training files may be missing.
    static func files(in folder: String, variant: Variant, part: DatasetPart) throws(ImageError) -> [String] {
        let wanted = variant.files(part)
        let found = wanted.map { "\(folder)/\($0)" }.filter { kind(of: $0) == .file }
        guard found.isEmpty else { return found }
        let pickles = ["data_batch_1", "test_batch", "train", "test"].contains { kind(of: "\(folder)/\($0)") == .file }
        let others = DatasetPart.allCases.filter { $0 != part }.flatMap(variant.files)
        throw ImageError(
            others.contains { kind(of: "\(folder)/\($0)") == .file } ? .noPart : .io, path: folder,
            "there is no \(wanted.joined(separator: ", "))"
                + (pickles
                    ? "; these look like the Python pickles, which are not read: get the binary version of the set"
                    : ""))
    }

    /// Tells which of the five training files are not there.
    mutating func noteMissing() {
        let missing = variant.files(.train).filter { !names.contains($0) }
        guard !missing.isEmpty, missing.count < variant.files(.train).count else { return }
        let list = missing.map { "`\($0)`" }.joined(separator: ", ")
        ledger.note("\(list) \(missing.count == 1 ? "is" : "are") not there, so the training part is not whole")
    }

    /// The number of records.
    public var count: Int { firsts[firsts.count - 1] }

    /// The digest of all.
    public var fingerprint: String { contentDigest(excluding: []) }

    /// A digest of all bytes; records cannot be unreadable.
    public func contentDigest(excluding unreadable: Set<Int>) -> String {
        ContentDigest.hexadecimal(head: "\(variant.rawValue) \(labels.rawValue)", of: records)
    }

    /// The picture of a record, 32 × 32 RGB.
    public func image(_ index: Int) throws(ImageError) -> DecodedImage {
        let (file, start) = place(index)
        let plane = Self.side * Self.side
        let pixels = [UInt8](unsafeUninitializedCapacity: 3 * plane) { buffer, count in
            records[file].withUnsafeBufferPointer { bytes in
                for pixel in 0..<plane {
                    for colour in 0..<3 {
                        buffer.initializeElement(
                            at: 3 * pixel + colour, to: bytes[start + variant.labelBytes + colour * plane + pixel])
                    }
                }
            }
            count = 3 * plane
        }
        return DecodedImage(height: Self.side, width: Self.side, channels: 3, samples: .uint8(pixels))
    }

    /// The label of a record.
    public func label(_ index: Int) -> Int? {
        let (file, start) = place(index)
        let isFineOf100 = variant == .cifar100 && labels == .fine
        return Int(records[file][start + (isFineOf100 ? 1 : 0)])
    }

    /// The file and the number of the record in it.
    public func key(_ index: Int) -> String {
        let file = place(index).file
        return "\(names[file]):\(index - firsts[file])"
    }

    private func place(_ index: Int) -> (file: Int, start: Int) {
        let file = (firsts.firstIndex { $0 > index } ?? firsts.count) - 1
        return (file, (index - firsts[file]) * variant.recordBytes)
    }

    private static func checkLabels(_ bytes: [UInt8], _ variant: Variant, _ file: String) throws(ImageError) {
        for record in 0..<(bytes.count / variant.recordBytes) {
            let start = record * variant.recordBytes
            let limits = variant == .cifar10 ? [10] : [20, 100]
            for (i, limit) in limits.enumerated() where bytes[start + i] >= limit {
                throw ImageError(
                    .label, path: file, member: "record \(record)",
                    "the label \(bytes[start + i]) is not below \(limit)")
            }
        }
    }

    private static func names(
        beside file: String, _ variant: Variant, _ labels: Labels
    ) throws(ImageError) -> [String]? {
        let folder = file.lastIndex(of: "/").map { String(file[..<$0]) } ?? "."
        let list = variant == .cifar10 ? "batches.meta.txt" : "\(labels.rawValue)_label_names.txt"
        return try classNames(file: "\(folder)/\(list)")
    }
}
