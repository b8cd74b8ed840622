import CPalimpsestImageCodecs
import Locks

/// A decoded picture with what its file said about it.
public struct DecodedFile: Sendable {
    /// The picture with the bands of its file, but alpha; turned upright only if that was asked for.
    public var image: DecodedImage
    /// The format, told by content.
    public var format: ImageFormat
    /// Bits a sample in the file.
    public var bitDepth: Int
    /// The orientation stated in the file.
    public var orientation: ImageOrientation
    /// Pages of the file; more than 1 only with TIFF.
    public var pages = 1
    /// Faults that the decoder went past, such as damaged entropy-coded data.
    public var warningCount: Int
    /// The first of them.
    public var firstWarning: String? { image.fault }
}

/// Decodes picture files, whoever made them: memory and time are bounded before anything is allocated, and content decides
/// the format, never the name.
///
/// The rules are those of Pillow's `convert("RGB")`: transparency is dropped, colour profiles and gamma are ignored,
/// gray of few bits is spread over 0…255, four-component JPEG is taken as inverted ink. TIFF and `.npy` keep all their bands
/// and the type of their numbers.
public struct ImageDecoder: Sendable {
    /// Longest side, in pixels.
    public var longestSide = 65_500
    /// Most pixels a picture may have.
    public var mostPixels = ImageDecoder.usualPixels
    /// Most bytes for a picture with all its bands and for what the decoder needs besides, such as the coefficients of a
    /// progressive JPEG or a tile.
    public var mostMemory = 256 << 20
    /// Most scans of a progressive JPEG; very large ones may have fewer.
    public var mostScans = 100
    /// Most bytes of a file.
    public var mostFileBytes = 256 << 20
    /// Turns pictures as their EXIF orientation says. Off by default, as in torchvision.
    public var appliesOrientation = false
    /// The page of a TIFF that is read, counted from 0.
    public var page = 0
    /// Which axes of a three-dimensional `.npy` array are what.
    public var arrayLayout = ArrayLayout.auto

    /// Pixels that a picture may have if nothing else is said.
    public static let usualPixels = 64_000_000

    /// Chooses, from the height and width of a JPEG, at which fraction of its size it is decoded: 1, 2, 4 or 8. The
    /// inverse transform is cheaper the smaller the result; its size is rounded up.
    public typealias Reduction = @Sendable (_ height: Int, _ width: Int) -> Int

    /// A decoder with the usual limits.
    public init() {}

    /// A decoder for pictures of up to `mostPixels`; above the usual number memory and size of files may grow with it, by 4 bytes
    /// a pixel.
    public init(mostPixels: Int) {
        self.mostPixels = mostPixels
        if mostPixels > Self.usualPixels {
            mostMemory = max(mostMemory, 4 * mostPixels)
            mostFileBytes = max(mostFileBytes, 4 * mostPixels)
        }
    }

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
        let format = try ImageFormat(of: bytes, path, member)
        guard let start = bytes.baseAddress?.assumingMemoryBound(to: UInt8.self) else {
            throw ImageError(.notAnImage, path: path, member: member, "the file is empty")
        }
        let directory =
            format == .tiff && pal_reads_tiff() != 0 ? try TIFFDirectory(page: page, of: bytes, path, member) : nil
        let orientation: ImageOrientation =
            switch format {
            case .jpeg: ImageOrientation(jpeg: bytes)
            case .tiff: directory?.orientation ?? .upright
            case .webp: WebPHeader.orientation(of: bytes)
            case .png, .npy: .upright
            }
        let turns = appliesOrientation && orientation != .upright
        var whole: ImageReduction?
        if format == .jpeg, !turns, let reduction, let size = JPEGHeader.size(of: bytes) {
            let factor = reduction(size.height, size.width)
            if factor > 1 { whole = ImageReduction(height: size.height, width: size.width, factor: factor) }
        }
        let reduced = whole
        func work() -> Result<DecodedFile, ImageError> {
            Result { () throws(ImageError) in
                var file: DecodedFile
                if format == .npy {
                    let (image, bits) = try NumPyArray.decode(bytes, layout: arrayLayout, limits: self, path, member)
                    file = DecodedFile(
                        image: image, format: format, bitDepth: bits, orientation: orientation, warningCount: 0)
                } else {
                    file = try decode(start, bytes.count, format, directory?.offset ?? 0, reduced, path, member)
                    try directory?.requirePalette(file.image, path, member)
                    file.orientation = orientation
                    file.pages = directory?.pages ?? 1
                }
                if turns { file.image = file.image.turned(orientation) }
                return file
            }
        }
        return try Self.inTurn(bytes: Self.bytes(of: bytes, format, directory), work).get()
    }

    /// Does the work of decoding a picture of so many bytes. Of large ones one at a time: while a picture is decoded it is in memory
    /// twice.
    static func inTurn<Result>(bytes: Int, _ work: () -> Result) -> Result {
        bytes > largePicture ? largeOnes.withLock { _ in work() } : work()
    }

    /// Bytes from which on a picture waits for others to be decoded: RGB of 16 million pixels.
    private static let largePicture = 48_000_000
    private static let largeOnes = Locked<Void>(())

    /// The bytes that a picture will have, about, as its file's header says; 0 where that is not found.
    private static func bytes(
        of bytes: UnsafeRawBufferPointer, _ format: ImageFormat, _ directory: TIFFDirectory?
    ) -> Int {
        func product(_ a: Int, _ b: Int, _ c: Int = 1) -> Int {
            let (pixels, tooMany) = a.multipliedReportingOverflow(by: b)
            let (product, tooMuch) = pixels.multipliedReportingOverflow(by: c)
            return tooMany || tooMuch ? Int.max : product
        }
        switch format {
        case .jpeg:
            guard let size = JPEGHeader.size(of: bytes) else { return 0 }
            return product(size.height, size.width, 3)
        case .png:
            guard let size = PNGHeader.size(of: bytes) else { return 0 }
            return product(size.height, size.width, 3)
        case .tiff: return directory?.bytes ?? 0
        case .webp:
            guard let size = WebPHeader.size(of: bytes) else { return 0 }
            return product(size.height, size.width, 3)
        case .npy: return NumPyArray.bytes(of: bytes)
        }
    }

    private func decode(
        _ start: UnsafePointer<UInt8>, _ count: Int, _ format: ImageFormat, _ directory: UInt64,
        _ whole: ImageReduction?, _ path: String, _ member: String?
    ) throws(ImageError) -> DecodedFile {
        var limits = limits
        var decoded = pal_image()
        defer { pal_free(decoded.samples) }
        let status =
            switch format {
            case .jpeg: pal_decode_jpeg(start, count, &limits, UInt32(whole?.factor ?? 1), &decoded)
            case .png: pal_decode_png(start, count, &limits, &decoded)
            case .tiff: pal_decode_tiff(start, count, directory, &limits, &decoded)
            case .webp: pal_decode_webp(start, count, &limits, &decoded)
            case .npy: PAL_UNSUPPORTED
            }
        var file = try Self.file(decoded, status, format, path, member)
        file.image.reduction = whole
        return file
    }

    /// What the C functions made, or the error that they say.
    static func file(
        _ decoded: pal_image, _ status: pal_status, _ format: ImageFormat, _ path: String, _ member: String?
    ) throws(ImageError) -> DecodedFile {
        guard status == PAL_OK, let pixels = decoded.samples else {
            throw ImageError(
                reason(of: status), path: path, member: member, withUnsafeBytes(of: decoded.message, text))
        }
        var image = DecodedImage(
            height: Int(decoded.height), width: Int(decoded.width), channels: Int(decoded.channels),
            samples: samples(UnsafeRawBufferPointer(start: pixels, count: decoded.bytes), of: decoded))
        image.omissions = DecodedImage.Omissions(rawValue: decoded.omitted)
        image.fault = decoded.warnings > 0 ? withUnsafeBytes(of: decoded.first_warning, text) : nil
        return DecodedFile(
            image: image, format: format, bitDepth: Int(decoded.stored_bits), orientation: .upright,
            warningCount: Int(decoded.warnings))
    }

    private static func samples(_ bytes: UnsafeRawBufferPointer, of image: pal_image) -> DecodedImage.Samples {
        switch (image.kind, image.bits) {
        case (PAL_SIGNED, 8): .int8([Int8](bytes.bindMemory(to: Int8.self)))
        case (PAL_SIGNED, 16): .int16([Int16](bytes.bindMemory(to: Int16.self)))
        case (PAL_SIGNED, _): .int32([Int32](bytes.bindMemory(to: Int32.self)))
        case (PAL_FLOAT, _): .float32([Float](bytes.bindMemory(to: Float.self)))
        case (_, 8): .uint8([UInt8](bytes))
        case (_, 16): .uint16([UInt16](bytes.bindMemory(to: UInt16.self)))
        default: .uint32([UInt32](bytes.bindMemory(to: UInt32.self)))
        }
    }

    /// What is too much about a picture of some bytes a pixel; nil where the limits allow it.
    func excess(height: Int, width: Int, bytes: Int) -> String? {
        guard let height = UInt64(exactly: height), let width = UInt64(exactly: width),
            let bytes = UInt64(exactly: bytes)
        else { return "\(height) x \(width) pixels" }
        var limits = limits
        var message = [CChar](repeating: 0, count: 256)
        guard pal_check_size(&limits, width, height, bytes, 0, &message) != PAL_OK else { return nil }
        return message.withUnsafeBytes(Self.text)
    }

    var limits: pal_limits {
        pal_limits(
            max_side: UInt32(longestSide), max_pixels: UInt64(mostPixels), max_memory: UInt64(mostMemory),
            max_scans: UInt32(mostScans))
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
