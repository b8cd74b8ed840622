/// A picture format that can be read.
public enum ImageFormat: String, Sendable, CaseIterable {
    /// JPEG: baseline, extended, progressive; gray, colour, CMYK.
    case jpeg
    /// PNG, all colour types and depths.
    case png
    /// TIFF and BigTIFF of 1 to 64 bands; needs the trait `TIFF`.
    case tiff
    /// WebP, lossy and lossless, of animations the first frame; needs the trait `WebP`.
    case webp
    /// An array in NumPy's `.npy` form.
    case npy

    /// The endings that names of such files have, lower-cased and without the dot. Sources choose files by them; which format
    /// a file has, its content tells.
    public var suffixes: [String] {
        switch self {
        case .jpeg: ["jpg", "jpeg", "jpe", "jfif"]
        case .png: ["png"]
        case .tiff: ["tif", "tiff"]
        case .webp: ["webp"]
        case .npy: ["npy"]
        }
    }

    /// The formats for people.
    static let names = "JPEG, PNG, TIFF, WebP and NumPy's .npy"

    /// What files of the format begin with.
    private var signatures: [[UInt8]] {
        switch self {
        case .jpeg: [[0xFF, 0xD8, 0xFF]]
        case .png: [[0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]]
        case .tiff: ["II*\0", "MM\0*", "II+\0", "MM\0+"].map { Array($0.utf8) }
        case .webp: []  // Two words with a length between them.
        case .npy: [[0x93] + Array("NUMPY".utf8)]
        }
    }

    /// The format by the first bytes.
    init(of bytes: UnsafeRawBufferPointer, _ path: String, _ member: String?) throws(ImageError) {
        guard !bytes.isEmpty else { throw ImageError(.notAnImage, path: path, member: member, "the file is empty") }
        func has(_ text: String, at offset: Int = 0) -> Bool { bytes.dropFirst(offset).starts(with: text.utf8) }
        if has("RIFF") && has("WEBP", at: 8) {
            self = .webp
            return
        }
        for format in Self.allCases where format.signatures.contains(where: { bytes.starts(with: $0) }) {
            self = format
            return
        }
        if Self.allCases.contains(where: { $0.signatures.contains { $0.starts(with: bytes) } })
            || has("RIFF") && bytes.count < 12
        {
            throw ImageError(
                .truncated, path: path, member: member, "the file ends after \(bytes.count) bytes, inside its signature"
            )
        }
        if let name = Self.foreign(bytes) {
            throw ImageError(
                .unsupported, path: path, member: member,
                "a \(name) file; convert it to one of the formats that are read: \(Self.names)")
        }
        throw ImageError(
            .notAnImage, path: path, member: member, "not a picture by its first bytes; \(Self.names) are read")
    }

    /// The name of a picture format that is recognised, so that the error can say it, but not read.
    private static func foreign(_ bytes: UnsafeRawBufferPointer) -> String? {
        func has(_ text: String, at offset: Int = 0) -> Bool { bytes.dropFirst(offset).starts(with: text.utf8) }
        if has("GIF87a") || has("GIF89a") { return "GIF" }
        if has("ftypavif", at: 4) || has("ftypavis", at: 4) { return "AVIF" }
        if has("ftyphei", at: 4) || has("ftypmif1", at: 4) { return "HEIF" }
        if has("jP  ", at: 4) { return "JPEG 2000" }
        // Two letters are weak evidence: a BMP also states the place of its pixels within the first kilobytes.
        if has("BM") && bytes.count >= 14 && bytes[12] == 0 && bytes[13] == 0 { return "BMP" }
        return nil
    }
}
