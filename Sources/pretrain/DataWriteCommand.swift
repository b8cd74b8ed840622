#if Commands
import ArgumentParser
import Checkpoints
import Foundation
import ImageData
import Pretraining
import RecipeSchema

/// `pretrain data write`: the built-in pictures as files, to try what is meant for own pictures.
struct DataWriteCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "write",
        abstract: "Write the built-in pictures as PNG files of odd sizes, in class folders below train and test.",
        discussion: """
            Example: pretrain data write builtin --out pictures
            then: pretrain plan --data images:pictures/train --labels class_folders:pictures --hours 0.3 --out mine.json
            """)

    @Argument(help: "What to write: builtin.")
    var set: String

    @Option(help: "The folder to make; one that is there must be empty.")
    var out: String

    @Option(
        help:
            "Another folder to make, for a label map of each picture: 0 is the ground, 1 to 6 are the kinds of objects."
    )
    var maps: String?

    @Option(help: "Pictures of the training part.")
    var count = 4000

    @Option(help: "Pictures of the test part.")
    var testCount = 1000

    @Option(parsing: .unconditional, help: "Another seed draws other pictures.")
    var seed = 0

    func validate() throws {
        for (name, count) in [("--count", count), ("--test-count", testCount)] where !(1...1_000_000).contains(count) {
            throw ValidationError("\(name) is \(count), allowed are 1 to 1000000")
        }
        if seed < 0 { throw ValidationError("--seed is \(seed), allowed is an integer ≥ 0") }
    }

    mutating func run() throws {
        // What is made stands beside the folder first, not in it.
        func trimmed(_ path: String) -> String {
            var path = path
            while path.count > 1, path.hasSuffix("/") { path.removeLast() }
            return path
        }
        out = trimmed(out)
        maps = maps.map(trimmed)
        guard set == "builtin" else {
            throw RunError(.usage, "there is nothing to write called \(set.shown); `builtin` are the built-in pictures")
        }
        try Self.requireFree(out, "--out")
        if let maps {
            try Self.requireFree(maps, "--maps")
            let (one, other) = (Self.whole(out), Self.whole(maps))
            guard !(one + "/").hasPrefix(other + "/"), !(other + "/").hasPrefix(one + "/") else {
                throw RunError(
                    .usage,
                    "--maps \(maps.shown) and --out \(out.shown) lie in one another, so maps would be read as pictures; name a folder beside"
                )
            }
        }
        // Made aside, then renamed: a folder with half of the pictures would look like a whole one.
        let suffix = ".writing-\(UUID().uuidString)"
        let stop = StopSignal()
        do {
            for part in DatasetPart.allCases {
                let pictures = pictures(part)
                try write(pictures, part, into: out + suffix, stop) { try PNGEncoder.encode(try pictures.image($0)) }
                guard let maps else { continue }
                try write(pictures, part, into: maps + suffix, stop) { number in
                    let map = pictures.labelMap(number)
                    return try PNGEncoder.encode(
                        map.classes.map { UInt8($0) }, height: map.height, width: map.width, channels: 1)
                }
            }
            for folder in [maps, out].compactMap({ $0 }) where rename(folder + suffix, folder) != 0 {
                throw RunError(.cannotCreate, "\(folder.shown) cannot be made: \(String(cString: strerror(errno)))")
            }
        } catch {
            for folder in [maps, out].compactMap({ $0 }) {
                try? FileManager.default.removeItem(atPath: folder + suffix)
            }
            throw error
        }
        try Console.show(
            "wrote \(count) training and \(testCount) test pictures into \(out.shown), \(OddPictures.sides.lowerBound) to "
                + "\(OddPictures.sides.upperBound) pixels a side; next: pretrain plan --data "
                + "\("images:\(out)/train".quotedForShell) --labels \("class_folders:\(out)".quotedForShell) --hours 0.3 --out "
                + "mine.json")
        if let maps {
            try Console.show(
                "wrote their label maps into \(maps.shown); to judge a run by them: pretrain probe RUN --protocol seg-knn --data "
                    + "\("class_folders:\(out)".quotedForShell) --maps \(maps.quotedForShell)")
        }
    }

    /// A path from the root on, with the links of the folders above it followed.
    private static func whole(_ path: String) -> String {
        URL(fileURLWithPath: path).standardizedFileURL.resolvingSymlinksInPath().path
    }

    private static func requireFree(_ out: String, _ option: String) throws(RunError) {
        guard !out.isEmpty else { throw RunError(.usage, "\(option) is empty; name a new folder") }
        guard ![".", ".."].contains(out.split(separator: "/").last.map(String.init)) else {
            throw RunError(.usage, "\(option) \(out) is a folder that is in use; name a new one")
        }
        let manager = FileManager.default
        var isFolder: ObjCBool = false
        guard manager.fileExists(atPath: out, isDirectory: &isFolder) else { return }
        guard isFolder.boolValue else {
            throw RunError(.cannotCreate, "\(out.shown) is a file; name a new folder")
        }
        guard let found = try? manager.contentsOfDirectory(atPath: out), found.isEmpty else {
            throw RunError(.cannotCreate, "\(out.shown) is not empty; name a new folder, or empty it yourself")
        }
    }

    private func pictures(_ part: DatasetPart) -> OddPictures {
        OddPictures(part: part, count: part == .train ? count : testCount, seed: seed)
    }

    /// Writes a file for each picture of a part, in class folders.
    private func write(
        _ pictures: OddPictures, _ part: DatasetPart, into root: String, _ stop: StopSignal,
        _ bytes: (Int) throws -> [UInt8]
    ) throws {
        for index in 0..<pictures.count {
            // What was written so far is removed.
            if let number = stop.number { throw ExitCode(128 + number) }
            let folder = "\(root)/\(part.rawValue)/\(pictures.classes[pictures.label(index)])"
            let path = "\(folder)/\(String(format: "%05d", index)).png"
            let bytes = try bytes(index)
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
            do { try Data(bytes).write(to: URL(fileURLWithPath: path)) } catch {
                throw RunError(.inputOutput, "\(path.shown) cannot be written: \(error.localizedDescription)")
            }
        }
    }
}
#endif
