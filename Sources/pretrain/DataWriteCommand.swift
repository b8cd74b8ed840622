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
        while out.count > 1, out.hasSuffix("/") { out.removeLast() }
        guard set == "builtin" else {
            throw RunError(.usage, "there is nothing to write called \(set.shown); `builtin` are the built-in pictures")
        }
        try requireFree()
        // Made aside, then renamed: a folder with half of the pictures would look like a whole one.
        let aside = "\(out).writing-\(UUID().uuidString)"
        do {
            for part in DatasetPart.allCases { try write(part, into: aside) }
            guard rename(aside, out) == 0 else {
                throw RunError(.cannotCreate, "\(out.shown) cannot be made: \(String(cString: strerror(errno)))")
            }
        } catch {
            try? FileManager.default.removeItem(atPath: aside)
            throw error
        }
        try Console.show(
            "wrote \(count) training and \(testCount) test pictures into \(out.shown), \(OddPictures.sides.lowerBound) to "
                + "\(OddPictures.sides.upperBound) pixels a side; next: pretrain plan --data "
                + "\("images:\(out)/train".quotedForShell) --labels \("class_folders:\(out)".quotedForShell) --hours 0.3 --out "
                + "mine.json")
    }

    private func requireFree() throws(RunError) {
        guard !out.isEmpty else { throw RunError(.usage, "--out is empty; name a new folder") }
        guard ![".", ".."].contains(out.split(separator: "/").last.map(String.init)) else {
            throw RunError(.usage, "--out \(out) is a folder that is in use; name a new one")
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

    private func write(_ part: DatasetPart, into root: String) throws {
        let pictures = OddPictures(part: part, count: part == .train ? count : testCount, seed: seed)
        for index in 0..<pictures.count {
            let folder = "\(root)/\(part.rawValue)/\(pictures.classes[pictures.label(index)])"
            let path = "\(folder)/\(String(format: "%05d", index)).png"
            let bytes = try PNGEncoder.encode(try pictures.image(index))
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
            do { try Data(bytes).write(to: URL(fileURLWithPath: path)) } catch {
                throw RunError(.inputOutput, "\(path.shown) cannot be written: \(error.localizedDescription)")
            }
        }
    }
}
#endif
