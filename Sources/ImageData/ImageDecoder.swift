import CPalimpsestImageCodecs

/// A picture format that can be read.
public enum ImageFormat: String, Sendable {
    /// JPEG: baseline, extended, progressive; gray, colour, CMYK.
    case jpeg
    /// PNG, all colour types and depths.
    case png
}

/// A decoded picture with what its file said about it.
public struct DecodedFile: Sendable {
    /// The picture, gray or RGB; turned upright only if that was asked for.
    public var image: DecodedImage
    /// The format, told by content.
    public var format: ImageFormat
    /// Bits a sample in the file.
    public var bitDepth: Int
    /// The orientation stated in the file.
    public var orientation: ImageOrientation
    /// Faults that the decoder went past, such as damaged entropy-coded data.
    public var warningCount: Int
    /// The first of them.
    public var firstWarning: String? { image.fault }
}

/// Decodes JPEG and PNG files, whoever made them: memory and time are bounded before anything is allocated, and content
/// decides the format, never the name.
///
/// The rules are those of Pillow's `convert("RGB")`: transparency is dropped, colour profiles and gamma are ignored,
/// gray of few bits is spread over 0…255, four-component JPEG is taken as inverted ink.
public struct ImageDecoder: Sendable {
    /// Longest side, in pixels.
    public var longestSide = 65_500
    /// Most pixels a picture may have.
    public var mostPixels = 64_000_000
    /// Most bytes for a picture and, with progressive JPEG, its coefficients.
    public var mostMemory = 256 << 20
    /// Most scans of a progressive JPEG; very large ones may have fewer.
    public var mostScans = 100
    /// Most bytes of a file.
    public var mostFileBytes = 256 << 20
    /// Turns pictures as their EXIF orientation says. Off by default, as in torchvision.
    public var appliesOrientation = false

    /// Chooses, from the height and width of a JPEG, at which fraction of its size it is decoded: 1, 2, 4 or 8. The
    /// inverse transform is cheaper the smaller the result; its size is rounded up.
    public typealias Reduction = (_ height: Int, _ width: Int) -> Int

    /// A decoder with the usual limits.
    public init() {}

    /// Reads and decodes a file.
    public func decode(file path: String, reduction: Reduction? = nil) throws(ImageError) -> DecodedFile {
        try decode(file: FileName(path), reduction: reduction)
    }

    /// Reads and decodes a file.
    public func decode(file path: FileName, reduction: Reduction? = nil) throws(ImageError) -> DecodedFile {
        try decode(try readFile(path, limit: mostFileBytes), path: path.description, reduction: reduction)
    }

    /// Decodes the bytes of a file; `path` and `member` only name it in errors.
    public func decode(
        _ bytes: [UInt8], path: String, member: String? = nil, reduction: Reduction? = nil
    ) throws(ImageError) -> DecodedFile {
        try decode(bytes[...], path: path, member: member, reduction: reduction)
    }

    /// Decodes the bytes of a file; `path` and `member` only name it in errors.
    public func decode(
        _ bytes: ArraySlice<UInt8>, path: String, member: String? = nil, reduction: Reduction? = nil
    ) throws(ImageError) -> DecodedFile {
        let result = bytes.withUnsafeBytes { (bytes) -> Result<DecodedFile, ImageError> in
            Result { () throws(ImageError) in try decode(bytes, path, member, reduction) }
        }
        return try result.get()
    }

    private func decode(
        _ bytes: UnsafeRawBufferPointer, _ path: String, _ member: String?, _ reduction: Reduction?
    ) throws(ImageError) -> DecodedFile {
        let format = try Self.format(of: bytes, path, member)
        guard let start = bytes.baseAddress?.assumingMemoryBound(to: UInt8.self) else {
            throw ImageError(.notAnImage, path: path, member: member, "the file is empty")
        }
        let orientation = format == .jpeg ? ImageOrientation(jpeg: bytes) : .upright
        let turns = appliesOrientation && orientation != .upright
        var whole: ImageReduction?
        if format == .jpeg, !turns, let reduction, let size = JPEGHeader.size(of: bytes) {
            let factor = reduction(size.height, size.width)
            if factor > 1 { whole = ImageReduction(height: size.height, width: size.width, factor: factor) }
        }
        let reduced = whole
        func work() -> Result<DecodedFile, ImageError> {
            Result { () throws(ImageError) in
                try decode(
                    start, bytes.count, format, reduced, turns ? orientation : .upright, orientation, path, member)
            }
        }
        // One at a time of these: while a picture is decoded it is in memory twice.
        let isLarge = Self.pixels(of: bytes, format) > Self.largePicture
        return try (isLarge ? Self.largeOnes.withLock { _ in work() } : work()).get()
    }

    /// Pixels from which on a picture waits for others to be decoded.
    private static let largePicture = 16_000_000
    private static let largeOnes = Locked<Void>(())

    /// The pixels that a file's header states; 0 where that is not found.
    private static func pixels(of bytes: UnsafeRawBufferPointer, _ format: ImageFormat) -> Int {
        switch format {
        case .jpeg:
            guard let size = JPEGHeader.size(of: bytes) else { return 0 }
            return size.height * size.width
        case .png:
            guard bytes.count >= 24 else { return 0 }
            let sides = [16, 20].map { UInt32(bigEndian: bytes.loadUnaligned(fromByteOffset: $0, as: UInt32.self)) }
            let product = Int(sides[0]).multipliedReportingOverflow(by: Int(sides[1]))
            return product.overflow ? Int.max : product.partialValue
        }
    }

    private func decode(
        _ start: UnsafePointer<UInt8>, _ count: Int, _ format: ImageFormat, _ whole: ImageReduction?,
        _ turn: ImageOrientation, _ orientation: ImageOrientation, _ path: String, _ member: String?
    ) throws(ImageError) -> DecodedFile {
        var limits = limits
        var decoded = pal_image()
        let status =
            switch format {
            case .jpeg: pal_decode_jpeg(start, count, &limits, UInt32(whole?.factor ?? 1), &decoded)
            case .png: pal_decode_png(start, count, &limits, &decoded)
            }
        defer { pal_free(decoded.samples) }
        guard status == PAL_OK, let samples = decoded.samples else {
            throw ImageError(
                Self.reason(of: status), path: path, member: member, withUnsafeBytes(of: decoded.message, Self.text))
        }
        let pixels = UnsafeRawBufferPointer(start: samples, count: decoded.bytes)
        var image = DecodedImage(
            height: Int(decoded.height), width: Int(decoded.width), channels: Int(decoded.channels),
            samples: decoded.bits == 16
                ? .uint16([UInt16](pixels.bindMemory(to: UInt16.self))) : .uint8([UInt8](pixels)))
        image.reduction = whole
        image.fault = decoded.warnings > 0 ? withUnsafeBytes(of: decoded.first_warning, Self.text) : nil
        if turn != .upright { image = image.turned(turn) }
        return DecodedFile(
            image: image, format: format, bitDepth: Int(decoded.stored_bits), orientation: orientation,
            warningCount: Int(decoded.warnings))
    }

    private var limits: pal_limits {
        pal_limits(
            max_side: UInt32(longestSide), max_pixels: UInt64(mostPixels), max_memory: UInt64(mostMemory),
            max_scans: UInt32(mostScans))
    }

    /// The format by the first bytes.
    private static func format(
        of bytes: UnsafeRawBufferPointer, _ path: String, _ member: String?
    ) throws(ImageError) -> ImageFormat {
        let pngSignature: [UInt8] = [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]
        let jpegSignature: [UInt8] = [0xFF, 0xD8, 0xFF]
        guard !bytes.isEmpty else { throw ImageError(.notAnImage, path: path, member: member, "the file is empty") }
        if bytes.starts(with: jpegSignature) { return .jpeg }
        if bytes.starts(with: pngSignature) { return .png }
        if jpegSignature.starts(with: bytes) || pngSignature.starts(with: bytes) {
            throw ImageError(
                .truncated, path: path, member: member, "the file ends after \(bytes.count) bytes, inside its signature"
            )
        }
        if let name = foreignFormat(of: bytes) {
            throw ImageError(
                .unsupported, path: path, member: member, "a \(name) file; convert it to PNG or JPEG, which can be read"
            )
        }
        throw ImageError(
            .notAnImage, path: path, member: member, "not a picture by its first bytes; JPEG and PNG are read")
    }

    /// The name of a picture format that is recognised, so that the error can say it, but not read.
    private static func foreignFormat(of bytes: UnsafeRawBufferPointer) -> String? {
        func has(_ text: String, at offset: Int = 0) -> Bool { bytes.dropFirst(offset).starts(with: text.utf8) }
        if has("GIF87a") || has("GIF89a") { return "GIF" }
        if has("RIFF") && has("WEBP", at: 8) { return "WebP" }
        if has("II*\0") || has("MM\0*") { return "TIFF" }
        if has("ftypavif", at: 4) || has("ftypavis", at: 4) { return "AVIF" }
        if has("ftyphei", at: 4) || has("ftypmif1", at: 4) { return "HEIF" }
        if has("jP  ", at: 4) { return "JPEG 2000" }
        // Two letters are weak evidence: a BMP also states the place of its pixels within the first kilobytes.
        if has("BM") && bytes.count >= 14 && bytes[12] == 0 && bytes[13] == 0 { return "BMP" }
        return nil
    }

    private static func reason(of status: pal_status) -> ImageError.Reason {
        switch status {
        case PAL_NOT_AN_IMAGE: .notAnImage
        case PAL_UNSUPPORTED: .unsupported
        case PAL_TRUNCATED: .truncated
        case PAL_TOO_LARGE: .tooLarge
        case PAL_OUT_OF_MEMORY: .io
        default: .corrupt
        }
    }

    /// The text in a C character array.
    private static func text(_ bytes: UnsafeRawBufferPointer) -> String {
        String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
    }
}
