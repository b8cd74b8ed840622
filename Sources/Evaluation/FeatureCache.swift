import Checkpoints
import ContentDigests
import Foundation
public import ProcessGroups
import RecipeSchema

/// Features that were computed once, as files in a folder: they are computed anew only where the encoder, the pictures or the way
/// from one to the other is another. A file that is damaged, or of something else, is as good as none.
public struct FeatureCache: Sendable {
    /// What decides the features of a part.
    public struct Key: Sendable {
        /// Which features of which part: a word for the file's name, of letters, digits and hyphens.
        public var what: String
        /// A digest of the encoder with its parameters; empty where none takes part.
        public var encoder: String
        /// All else: pictures, transform, pooling, layer, kernels.
        public var settings: [String: String]

        /// A key.
        public init(what: String, encoder: String, settings: [String: String]) {
            self.what = what
            self.encoder = encoder
            self.settings = settings
        }

        private func short(_ text: String) -> String { String(SHA256.hexadecimal(of: Array(text.utf8)).prefix(16)) }
        /// The text that a file of the key holds.
        var text: String {
            let rows = settings.sorted { $0.key < $1.key }.map { ($0.key, JSONValue($0.value)) }
            return JSONValue.object([("encoder", JSONValue(encoder))] + rows).text()
        }
        /// What files of the same features of any encoder begin with.
        var stem: String {
            let rows = settings.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
            return "\(what)-\(short(rows.joined(separator: "\n")))-"
        }
        /// The name of its file.
        var file: String { "\(stem)\(short(encoder)).safetensors" }
    }

    private static let keyName = "cache_key"
    private static let digestName = "cache_digest"
    private let folder: String

    /// The files in a folder, which need not be there yet.
    public init(_ folder: String) { self.folder = folder }

    /// True for the name of a file that a cache writes.
    public static func isName(_ name: String) -> Bool {
        name.wholeMatch(of: /[a-z-]+-[0-9a-f]{16}-[0-9a-f]{16}\.safetensors/) != nil
    }

    /// The features of a key: from its file, or made and kept. `note` hears why they could not be kept; they are given all the same.
    /// The processes of a group take them from the file where all of them can; the first one alone writes it.
    public func table(
        _ key: Key, sharedBy group: ProcessGroup = .alone, note: (String) -> Void = { _ in },
        make: () throws -> FeatureTable
    ) throws -> FeatureTable {
        let known = read(key)
        if group.gather(known != nil).allSatisfy(\.self), let known { return known }
        let table = try make()
        guard group.isFirst else { return table }
        do throws(CheckpointError) {
            try write(table, key)
        } catch {
            note("the features are not kept for the next time: \(error)")
        }
        return table
    }

    private func read(_ key: Key) -> FeatureTable? {
        let path = "\(folder)/\(key.file)"
        guard let metadata = try? Safetensors.metadata(path), metadata[Self.keyName] == key.text,
            let file = try? Safetensors.read(path), var table = try? FeatureTable(file, path: path),
            metadata[Self.digestName] == Self.digest(table)
        else { return nil }
        table.provenance[Self.keyName] = nil
        table.provenance[Self.digestName] = nil
        return table
    }

    private func write(_ table: FeatureTable, _ key: Key) throws(CheckpointError) {
        try createFolder(folder)
        var kept = table
        kept.provenance[Self.keyName] = key.text
        kept.provenance[Self.digestName] = Self.digest(table)
        try AtomicFile.write(Safetensors.bytes(of: kept.file), to: "\(folder)/\(key.file)")
        // Those of an encoder before this one are of no use any more.
        for name in (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        where Self.isName(name) && name.hasPrefix(key.stem) && name != key.file {
            unlink("\(folder)/\(name)")
        }
    }

    private static func digest(_ table: FeatureTable) -> String {
        var digest = SHA256()
        table.features.withUnsafeBytes { digest.update($0) }
        for label in table.labels ?? [] { digest.update([UInt8]("\(label) ".utf8)) }
        for key in table.keys { digest.update([UInt8]("\(key)\0".utf8)) }
        for (name, value) in table.provenance.sorted(by: { $0.key < $1.key })
        where name != keyName && name != digestName {
            digest.update([UInt8]("\(name)\0\(value)\0".utf8))
        }
        return digest.hexadecimal()
    }
}
