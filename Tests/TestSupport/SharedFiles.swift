public import Foundation

/// Where tests find files that are not part of the package.
public enum SharedFiles {
    /// The root of this package.
    public static let packageRoot = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    /// The folder of shared reference material beside the checkout (or `PALIMPSEST_SHARED`), nil where it is absent.
    /// A test that needs it is skipped there, and says so.
    public static let shared: URL? = {
        let path = ProcessInfo.processInfo.environment["PALIMPSEST_SHARED"]
        let url =
            path.map { URL(fileURLWithPath: $0) }
            ?? packageRoot.deletingLastPathComponent().appendingPathComponent("shared")
        if FileManager.default.fileExists(atPath: url.path) { return url }
        FileHandle.standardError.write(
            Data("SKIPPED: tests over shared reference files; no folder \(url.path)\n".utf8))
        return nil
    }()

    /// True where the shared folder is there: for `@Test(.enabled(if:))`.
    public static var isPresent: Bool { shared != nil }

    /// A file below the shared folder; call only in tests enabled by `isPresent`.
    public static func url(_ path: String) -> URL {
        (shared ?? packageRoot).appendingPathComponent(path)
    }

    /// The few files that are shipped with the tests: for `odd-images` or `format-samples`, the folder of small copies.
    public static func shipped(_ collection: String) -> URL {
        packageRoot.appendingPathComponent("Tests/Fixtures/\(collection)")
    }

    /// A collection of files with an `expected.json`: the whole one where the shared folder is, else what is shipped.
    public static func collection(_ name: String) -> URL {
        isPresent ? url("datasets/\(name)") : shipped(name)
    }
}
