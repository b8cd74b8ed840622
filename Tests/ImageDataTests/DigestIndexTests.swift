import ContentDigests
import Foundation
import ImageData
import TestSupport
import Testing

/// Digests of many files that are kept between looks, in a folder of the test's own.
@Suite struct DigestIndexTests {
    private static let count = 4100

    /// Files that say their number.
    private func pictures(_ home: TestSupport.TemporaryFolder) throws {
        try FileManager.default.createDirectory(atPath: home.path + "/p", withIntermediateDirectories: true)
        for number in 0..<Self.count { try home.write(Self.content(number), "p/\(number).png") }
    }

    private static func content(_ number: Int) -> [UInt8] { Array("picture \(number)".utf8) }

    private func fingerprint(_ home: TestSupport.TemporaryFolder, index: String?) throws -> String {
        var options = DataOptions()
        var source = ImagesSourceOptions()
        source.path = home.path + "/p"
        options.source = source
        return try options.open(.train, cards: DatasetCards(folders: []), indexFolder: index).fingerprint
    }

    private func indices(_ home: TestSupport.TemporaryFolder) -> [String] { (try? home.names("cache")) ?? [] }

    /// Waits until files count as settled: their changes are more than two seconds ago.
    private func settle() { Thread.sleep(forTimeInterval: 2.2) }

    @Test func aSecondLookReadsNoFileThatIsTheSame() throws {
        let home = try TestSupport.TemporaryFolder()
        try pictures(home)
        let plain = try fingerprint(home, index: nil)
        let cache = home.path + "/cache"
        // What may still change in the same tick is not kept, as one file here, by its time.
        try FileManager.default.setAttributes(
            [.modificationDate: Date(timeIntervalSinceNow: 3600)], ofItemAtPath: home.path + "/p/0.png")
        settle()
        #expect(try fingerprint(home, index: cache) == plain)
        #expect(indices(home).count == 1 && indices(home)[0].hasSuffix(".index"))
        // The index is believed: with digests of other numbers in it the fingerprint is another one.
        let file = "cache/\(indices(home)[0])"
        let good = try home.read(file)
        #expect(good.count == 72 + (Self.count - 1) * 96)
        try home.write(try forged(good), file)
        #expect(try fingerprint(home, index: cache) != plain)
        #expect(try fingerprint(home, index: nil) == plain)
        // Each kind of damage is no more than slower, and is repaired.
        var flipped = good
        flipped[5000] ^= 1
        for damaged in [
            [], Array(good[..<50]), Array(good[..<(good.count - 96)]), flipped, good + [0], Array("x".utf8),
        ] {
            try home.write(damaged, file)
            #expect(try fingerprint(home, index: cache) == plain)
            #expect(try home.read(file) == good)
        }
        #expect(try home.names("p").count == Self.count, "nothing is written beside the pictures")
    }

    /// An index whose first digest is another one, and whose own digest is right.
    private func forged(_ good: [UInt8]) throws -> [UInt8] {
        var records = Array(good[72...])
        records.replaceSubrange(32..<96, with: [UInt8](repeating: UInt8(ascii: "0"), count: 64))
        return Array(good[..<8]) + Array(SHA256.hexadecimal(of: records).utf8) + records
    }

    @Test func changesAreSeenThoughSizeAndTimeStay() throws {
        let home = try TestSupport.TemporaryFolder()
        try pictures(home)
        settle()
        let cache = home.path + "/cache"
        let first = try fingerprint(home, index: cache)
        #expect(indices(home).count == 1)
        let path = home.path + "/p/7.png"
        let before = try FileManager.default.attributesOfItem(atPath: path)[.modificationDate] as? Date
        try home.write(Array("PICTURE 7".utf8), "p/7.png")
        try FileManager.default.setAttributes([.modificationDate: try #require(before)], ofItemAtPath: path)
        let changed = try fingerprint(home, index: nil)
        #expect(changed != first)
        #expect(try fingerprint(home, index: cache) == changed)
        // Back again, and with other names, as if a file had taken another's place.
        try home.write(Self.content(7), "p/7.png")
        #expect(try fingerprint(home, index: cache) == first)
        settle()
        #expect(try fingerprint(home, index: cache) == first)
        try FileManager.default.moveItem(atPath: path, toPath: home.path + "/p/x.png")
        #expect(try fingerprint(home, index: cache) == fingerprint(home, index: nil))
        try FileManager.default.removeItem(atPath: home.path + "/p/8.png")
        #expect(try fingerprint(home, index: cache) == fingerprint(home, index: nil))
    }

    @Test func placesThatCannotBeWrittenAndSmallFoldersAreSilent() throws {
        let home = try TestSupport.TemporaryFolder()
        try pictures(home)
        settle()
        let plain = try fingerprint(home, index: nil)
        try home.write([1], "file")
        for place in ["/proc/nowhere", home.path + "/file/below"] {
            #expect(try fingerprint(home, index: place) == plain)
        }
        for number in 4000..<Self.count {
            try FileManager.default.removeItem(atPath: home.path + "/p/\(number).png")
        }
        _ = try fingerprint(home, index: home.path + "/cache")
        #expect(indices(home).isEmpty)
    }
}
