public import Checkpoints
import ContentDigests
public import ImageMasking

/// A file of tokens by picture: an int32 tensor `[rows, columns]` for each sample key.
///
/// Metadata, all strings: `format` = `palimpsest-tokens`, `version` = `1`, `vocabulary`, `grid` = `rows,columns`, `image_size`
/// = `height,width`, `tokenizer`. Keys are those of the data source: a relative path without a leading slash, or the picture's
/// number as decimal text. The tokens belong to whole pictures that are not mirrored.
public struct TokenFile: Sendable {
    /// The number of different tokens.
    public let vocabulary: Int
    /// The grid of each picture's tokens.
    public let grid: PatchGrid
    /// The keys of the pictures, as the file has them.
    public var keys: [String] { file.names }
    private let path: String
    private let file: SafetensorsFile
    /// The SHA-256 of its tensors.
    var digest: String { file.digest }

    /// Reads a file.
    public init(path: String) throws { try self.init(try Safetensors.read(path), path: path) }

    /// Checks all of a file that was read; `path` is for errors.
    public init(_ file: SafetensorsFile, path: String) throws {
        func fault(_ reason: String) -> MethodError { .unusableFile(path: path, reason: reason) }
        for (key, wanted) in [("format", "palimpsest-tokens"), ("version", "1")] where file.metadata[key] != wanted {
            let found = file.metadata[key].map { "is \"\($0)\"" } ?? "is missing"
            throw fault("the metadata \"\(key)\" \(found); a file of tokens has \"\(wanted)\"")
        }
        guard let words = file.metadata["vocabulary"], let vocabulary = Int(words), vocabulary >= 2 else {
            throw fault("the metadata \"vocabulary\" must be the number of different tokens, 2 or more")
        }
        let sides = file.metadata["grid"]?.split(separator: ",").compactMap { Int($0) } ?? []
        guard sides.count == 2, sides.allSatisfy({ $0 >= 1 }) else {
            throw fault("the metadata \"grid\" must be \"rows,columns\"")
        }
        self.path = path
        self.file = file
        self.vocabulary = vocabulary
        grid = PatchGrid(rows: sides[0], columns: sides[1])
        for key in file.names { _ = try values(of: key) }
    }

    /// The tokens of a picture, row by row; of one that is shown mirrored with the columns turned round.
    public func tokens(of key: String, mirrored: Bool) throws -> [Int] {
        let values = try values(of: key)
        return mirrored ? grid.mirrored.map { values[$0] } : values
    }

    private func values(of key: String) throws -> [Int] {
        func fault(_ reason: String) -> MethodError { .unusableFile(path: path, reason: reason) }
        guard let stored = file[key] else { throw fault("has no tokens for the picture \"\(key)\"") }
        let wanted = [grid.rows, grid.columns]
        guard stored.dtype == .int32, stored.shape == wanted, let values = stored.integers() else {
            throw fault(
                "the tokens of \"\(key)\" are \(stored.dtype.rawValue) of shape \(stored.shape); allowed is I32 of \(wanted)"
            )
        }
        guard let wrong = values.first(where: { !(0..<vocabulary).contains($0) }) else { return values }
        throw fault("the tokens of \"\(key)\" hold \(wrong); allowed is 0 to \(vocabulary - 1)")
    }
}

/// A file of representations by picture: a float32 tensor `[N or 1 + N, C]` for each sample key, class token first if there is
/// one, then patches in raster order. The keys are those of a `TokenFile`.
package struct FeatureFile: Sendable {
    /// Tokens of a picture.
    let rows: Int
    /// Values of a token.
    let width: Int
    private let grid: PatchGrid
    private let path: String
    private let file: SafetensorsFile
    /// The SHA-256 of its tensors.
    var digest: String { file.digest }
    /// The keys of the pictures, as the file has them.
    package var keys: [String] { file.names }

    /// Reads a file for pictures of a grid.
    init(path: String, grid: PatchGrid) throws { try self.init(try Safetensors.read(path), path: path, grid: grid) }

    /// Checks all of a file that was read; `path` is for errors.
    package init(_ file: SafetensorsFile, path: String, grid: PatchGrid) throws {
        guard let key = file.names.first, let shape = file[key]?.shape else {
            throw MethodError.unusableFile(path: path, reason: "holds no representations")
        }
        guard shape.count == 2, [grid.count, grid.count + 1].contains(shape[0]), shape[1] >= 1 else {
            throw MethodError.unusableFile(
                path: path,
                reason: "the representations of \"\(key)\" have the shape \(shape); allowed is [\(grid.count) or "
                    + "\(grid.count + 1), width]")
        }
        rows = shape[0]
        width = shape[1]
        self.grid = grid
        self.path = path
        self.file = file
        for key in file.names { _ = try stored(key) }
    }

    /// The representations of a picture, `[rows · width]`; of one that is shown mirrored with the columns turned round.
    package func features(of key: String, mirrored: Bool) throws -> [Float] {
        let values = try stored(key).floats()
        guard mirrored else { return values }
        let prefix = rows - grid.count
        let order = Array(0..<prefix) + grid.mirrored.map { $0 + prefix }
        return order.flatMap { values[$0 * width..<($0 + 1) * width] }
    }

    private func stored(_ key: String) throws -> StoredTensor {
        guard let stored = file[key] else {
            throw MethodError.unusableFile(path: path, reason: "has no representations for the picture \"\(key)\"")
        }
        guard stored.dtype == .float32, stored.shape == [rows, width] else {
            throw MethodError.unusableFile(
                path: path,
                reason:
                    "the representations of \"\(key)\" are \(stored.dtype.rawValue) of shape \(stored.shape); allowed "
                    + "is F32 of \([rows, width])")
        }
        return stored
    }
}

extension PatchGrid {
    /// The patch that each place shows when the picture is mirrored left to right.
    fileprivate var mirrored: [Int] {
        (0..<rows).flatMap { row in (0..<columns).map { row * columns + columns - 1 - $0 } }
    }
}

extension SafetensorsFile {
    /// The SHA-256 of all tensors with their names and shapes.
    fileprivate var digest: String {
        var digest = SHA256()
        for name in names.sorted() {
            guard let tensor = self[name] else { continue }
            digest.update([UInt8]("\(name) \(tensor.dtype) \(tensor.shape)\n".utf8))
            digest.update(tensor.bytes)
        }
        return digest.hexadecimal()
    }
}
