import Foundation
import TestSupport
import Testing

/// Help texts and the commonest errors, word for word, so that a change of words is seen and meant.
///
/// `make snapshots` writes them anew (it sets `PALIMPSEST_RENEW_SNAPSHOTS`); read the difference before it is committed.
struct SnapshotTests {
    private static let folder = SharedFiles.packageRoot.appendingPathComponent("Tests/CommandTests/Snapshots")
    private static let renews = ProcessInfo.processInfo.environment["PALIMPSEST_RENEW_SNAPSHOTS"] != nil

    /// Mistakes as people make them, each as it is typed; `{images}` is a folder with one picture that is none.
    private static let mistakes = [
        "probe", "frobnicate", "--recipe colorme.json", "--recipe colormae.json --set mask.ration=1",
        "--recipe colormae.json --set mask.ratio=1.5 --set train.epochs=0",
        "--recipe colormae.json --set mask.ratio=half",
        "--recipe colormae.json --set epochs=3", "--recipe colormae.json --set mask.strategy=random",
        "--recipe mae.json --set mask.strategy=multiblock", "--recipe mae.json --set data.image_size=30",
        "--recipe mae.json --set model.heads=3", "--recipe mae.json --data images:nowhere",
        "--recipe mae.json --data images:{images}", "--recipe mae.json --data cifar10:nowhere",
        "--recipe mae.json --run {images}", "--recipe mae.json --run {images} --overwrite",
        "--recipe mae.json --init-from nowhere.safetensors", "--recipe mae.json --resume --overwrite",
        "--recipe mae.json --threads 0", "resume nowhere", "resume {images}", "probe nowhere",
        "probe {images} --protocol magic", "view nowhere", "features nowhere --out x.safetensors", "verify nowhere",
        "recipes show nothere.json", "recipes check nothere.json", "masks --recipe mae.json --count 0",
        "data check images:nowhere",
    ]

    /// Runs the program in a folder; the answer is what a terminal would show, without what differs between machines.
    private func answer(_ arguments: [String], in home: TemporaryFolder) throws -> (code: Int32, text: String) {
        let process = Process()
        process.executableURL = CommandTests.program
        process.arguments = arguments
        process.currentDirectoryURL = URL(fileURLWithPath: home.path)
        process.environment = ProcessInfo.processInfo.environment.merging(["COLUMNS": "80"]) { $1 }
        let pipe = Pipe()
        process.standardOutput = pipe
        process.standardError = pipe
        process.standardInput = FileHandle.nullDevice
        try process.run()
        let text = String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        let real = URL(fileURLWithPath: home.path).resolvingSymlinksInPath().path
        let shown = [real, home.path].reduce(text) { $0.replacing($1, with: "{home}") }
        return (process.terminationStatus, shown.replacing(SharedFiles.packageRoot.path, with: "{package}"))
    }

    /// The words of `pretrain` and of every verb below it, with their help texts: as the help texts themselves list them.
    private func helps(_ words: [String] = [], in home: TemporaryFolder) throws -> [String: String] {
        let text = try answer(words + ["--help"], in: home).text
        var helps = [(["help"] + words).joined(separator: "-"): text]
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false).drop { $0 != "SUBCOMMANDS:" }
        for line in lines.dropFirst().prefix(while: { !$0.isEmpty }) {
            guard line.hasPrefix("  "), !line.hasPrefix("   ") else { continue }
            guard let verb = line.split(separator: " ").first, verb != "help" else { continue }
            helps.merge(try self.helps(words + [String(verb)], in: home)) { $1 }
        }
        return helps
    }

    private func errors(in home: TemporaryFolder) throws -> String {
        let images = home.path + "/images"
        try FileManager.default.createDirectory(atPath: images, withIntermediateDirectories: true)
        try home.write(Array("no picture".utf8), "images/cat.png")
        let said = try Self.mistakes.map { mistake in
            let words = mistake.split(separator: " ").map { word in String(word).replacing("{images}", with: "images") }
            let (code, text) = try answer(words, in: home)
            #expect(code != 0 && !text.isEmpty, "\(mistake)")
            return "$ pretrain \(words.joined(separator: " "))\n\(text)[\(code)]\n"
        }.joined(separator: "\n")
        // Lists of names are those of catalogues: a new member changes no snapshot.
        return said.replacing(#/"[a-z0-9_-]+"(, "[a-z0-9_-]+"){2,}/#, with: "{names}")
    }

    @Test func wordsAreTheOnesThatWereMeant() throws {
        let home = try TemporaryFolder()
        var wanted = try helps(in: home)
        #expect(wanted.count > 12, "verbs are read from the help text: \(wanted.keys.sorted())")
        wanted["errors"] = try errors(in: home)
        let manager = FileManager.default
        if Self.renews {
            try? manager.removeItem(at: Self.folder)
            try manager.createDirectory(at: Self.folder, withIntermediateDirectories: true)
            for (name, text) in wanted {
                try Data(text.utf8).write(to: Self.folder.appendingPathComponent(name + ".txt"))
            }
        }
        let files = try manager.contentsOfDirectory(atPath: Self.folder.path)
        #expect(Set(files) == Set(wanted.keys.map { $0 + ".txt" }), "make snapshots, and read the difference")
        for (name, text) in wanted {
            let file = Self.folder.appendingPathComponent(name + ".txt")
            let kept = (try? String(contentsOf: file, encoding: .utf8))?.split(
                separator: "\n", omittingEmptySubsequences: false)
            let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
            let place = zip(kept ?? [], lines).prefix { $0 == $1 }.count
            #expect(
                kept == lines,
                """
                \(name).txt differs from line \(place + 1): "\(kept.flatMap { $0.dropFirst(place).first } ?? "")" was \
                kept, "\(lines.dropFirst(place).first ?? "")" is said; if that is meant: make snapshots
                """)
        }
    }
}
