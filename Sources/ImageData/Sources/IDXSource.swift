/// An array in IDX form, the format of MNIST: a type, sizes, and big-endian numbers in row-major order. Plain or gzip.
public struct IDXArray: Sendable, Equatable {
    /// The type of the numbers; the raw values are the codes of the format.
    public enum ElementType: UInt8, Sendable {
        /// Unsigned bytes.
        case uint8 = 0x08
        /// Signed bytes.
        case int8 = 0x09
        /// 16-bit integers.
        case int16 = 0x0B
        /// 32-bit integers.
        case int32 = 0x0C
        /// Single precision.
        case float32 = 0x0D
        /// Double precision.
        case float64 = 0x0E

        var bytes: Int {
            switch self {
            case .uint8, .int8: 1
            case .int16: 2
            case .int32, .float32: 4
            case .float64: 8
            }
        }
    }

    /// Most bytes of an array.
    public static let mostBytes = 4 << 30
    private static let mostRank = 8

    /// The type of the numbers.
    public let type: ElementType
    /// The sizes, outermost first.
    public let shape: [Int]
    /// The numbers as stored: big-endian.
    let bytes: [UInt8]

    /// Reads a file. Content decides whether it is compressed, not the name.
    public init(file path: String) throws(ImageError) {
        let file = try OpenFile(path)
        if try GzipInput.recognises(file) {
            var input = try GzipInput(file)
            try self.init(&input, path)
        } else {
            var input = FileInput(file)
            try self.init(&input, path)
        }
    }

    private init<Input: ByteInput>(_ input: inout Input, _ path: String) throws(ImageError) {
        let magic = try input.read(4)
        guard magic.count == 4 else { throw ImageError(.truncated, path: path, "the file ends inside its header") }
        guard magic[0] == 0, magic[1] == 0, let type = ElementType(rawValue: magic[2]), magic[3] >= 1,
            magic[3] <= Self.mostRank
        else {
            throw ImageError(
                .corrupt, path: path,
                "no IDX file: it begins with \(magic), not with 0, 0, a type from 8 to 14 and a rank from 1 to \(Self.mostRank)"
            )
        }
        let sizes = try input.read(4 * Int(magic[3]))
        guard sizes.count == 4 * Int(magic[3]) else {
            throw ImageError(.truncated, path: path, "the file ends inside its header")
        }
        let shape = (0..<Int(magic[3])).map { i in sizes[(4 * i)..<(4 * i + 4)].reduce(0) { $0 << 8 | Int($1) } }
        let words = "an array of \(shape.map(String.init).joined(separator: " x "))"
        // A product that overflows asks for more than any file has, unless a size is 0.
        let product =
            shape.contains(0)
            ? 0
            : shape.reduce(Optional(type.bytes)) { total, size in
                total.flatMap {
                    let p = $0.multipliedReportingOverflow(by: size); return p.overflow ? nil : p.partialValue
                }
            }
        guard let count = product else {
            throw ImageError(.truncated, path: path, "the file ends before \(words) does")
        }
        // The bytes that are there are counted before the limit is: a short file is a short file.
        let content = try input.read(min(count, Self.mostBytes))
        guard content.count == min(count, Self.mostBytes) else {
            throw ImageError(.truncated, path: path, "\(words) needs \(count) bytes and has \(content.count)")
        }
        guard count <= Self.mostBytes else {
            throw ImageError(.tooLarge, path: path, "\(words); at most \(Self.mostBytes >> 20) MB are read")
        }
        guard try input.read(1).isEmpty else {
            throw ImageError(.corrupt, path: path, "more bytes than the \(count) of \(words)")
        }
        self.type = type
        self.shape = shape
        bytes = content
    }

    /// The number at a place in row-major order.
    public func number(_ place: Int) -> Double {
        let start = place * type.bytes
        let bits = bytes[start..<(start + type.bytes)].reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        switch type {
        case .uint8: return Double(bits)
        case .int8: return Double(Int8(truncatingIfNeeded: bits))
        case .int16: return Double(Int16(truncatingIfNeeded: bits))
        case .int32: return Double(Int32(truncatingIfNeeded: bits))
        case .float32: return Double(Float(bitPattern: UInt32(truncatingIfNeeded: bits)))
        case .float64: return Double(bitPattern: bits)
        }
    }
}

/// Pictures, and labels where there are any, in IDX arrays.
///
/// Pictures are [N, height, width] or [N, height, width, channels]. Bytes stand for [0, 1]; numbers of other types are
/// taken as they are, so the recipe's mean and deviation are in their units.
public struct IDXSource: ImageSource {
    /// The names of the classes, if they were given.
    public let labelNames: [String]?
    private let pictures: IDXArray
    private let labels: [Int32]
    private let path: String

    /// The pictures of a file and the labels of another.
    public init(images: String, labels: String?, classNames: [String]? = nil) throws(ImageError) {
        path = images
        pictures = try IDXArray(file: images)
        guard pictures.shape.count == 3 || pictures.shape.count == 4 else {
            throw ImageError(
                .unsupported, path: images,
                "an array of rank \(pictures.shape.count); pictures are [N, height, width] or [N, height, width, channels]"
            )
        }
        guard !pictures.shape.contains(0) else {
            throw ImageError(.empty, path: images, "an array of \(pictures.shape), without a pixel")
        }
        if let labels {
            self.labels = try Self.labels(labels, pictures: pictures.shape[0], classes: classNames?.count)
            labelNames = classNames
        } else {
            self.labels = []
            labelNames = nil
        }
    }

    private static func labels(_ file: String, pictures: Int, classes: Int?) throws(ImageError) -> [Int32] {
        let array = try IDXArray(file: file)
        guard array.shape == [pictures] else {
            throw ImageError(.label, path: file, "an array of \(array.shape); \(pictures) pictures need as many labels")
        }
        var labels: [Int32] = []
        labels.reserveCapacity(pictures)
        for i in 0..<pictures {
            guard let label = Int32(exactly: array.number(i)), label >= 0, classes.map({ label < $0 }) ?? true else {
                throw ImageError(
                    .label, path: file, member: "label \(i)",
                    "\(array.number(i)) is no integer from 0" + (classes.map { " to \($0 - 1)" } ?? ""))
            }
            labels.append(label)
        }
        if let fault = LabelLimit.fault(labels, in: file, key: { "label \($0)" }) { throw fault }
        return labels
    }

    /// The number of pictures.
    public var count: Int { pictures.shape[0] }

    /// The digest of all.
    public var fingerprint: String { contentDigest(excluding: []) }

    /// A digest of all bytes and labels; pictures cannot be left out of an array.
    public func contentDigest(excluding unreadable: Set<Int>) -> String {
        ContentDigest.hexadecimal(
            head: "\(pictures.type) \(pictures.shape)",
            of: [pictures.bytes, labels.withUnsafeBytes { Array($0) }])
    }

    /// A picture of the array.
    public func image(_ index: Int) throws(ImageError) -> DecodedImage {
        let (height, width) = (pictures.shape[1], pictures.shape[2])
        let channels = pictures.shape.count == 4 ? pictures.shape[3] : 1
        let size = height * width * channels
        let samples: DecodedImage.Samples
        if pictures.type == .uint8 {
            samples = .uint8(Array(pictures.bytes[(index * size)..<((index + 1) * size)]))
        } else {
            let numbers = (0..<size).map { Float(pictures.number(index * size + $0)) }
            guard numbers.allSatisfy(\.isFinite) else {
                throw ImageError(.corrupt, path: path, member: key(index), "a number that is not finite")
            }
            samples = .float32(numbers)
        }
        return DecodedImage(height: height, width: width, channels: channels, samples: samples)
    }

    /// The label of a picture.
    public func label(_ index: Int) -> Int? { labels.isEmpty ? nil : Int(labels[index]) }

    /// The picture's number.
    public func key(_ index: Int) -> String { String(index) }

    /// The image and label files of the training or test part in a folder, under MNIST's names; labels may be missing.
    static func files(in folder: String, part: DatasetPart) throws(ImageError) -> (images: String, labels: String?) {
        let part = part == .test ? "t10k" : "train"
        func find(_ name: String) -> String? {
            ["\(folder)/\(name)", "\(folder)/\(name).gz"].first { kind(of: $0) == .file }
        }
        guard let images = find("\(part)-images-idx3-ubyte") ?? find("\(part)-images.idx3-ubyte") else {
            let other = part == "train" ? "t10k" : "train"
            let isOther = (find("\(other)-images-idx3-ubyte") ?? find("\(other)-images.idx3-ubyte")) != nil
            throw ImageError(
                isOther ? .noPart : .io, path: folder, "there is no `\(part)-images-idx3-ubyte`, plain or with .gz")
        }
        return (images, find("\(part)-labels-idx1-ubyte") ?? find("\(part)-labels.idx1-ubyte"))
    }
}
