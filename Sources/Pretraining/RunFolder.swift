public import Checkpoints
import ContentDigests
import Evaluation
import Foundation
import RecipeSchema
import Reporting

/// The folder of one run: where each of its files stands, and which files are the run's own.
public struct RunFolder: Sendable, Equatable {
    /// The folder.
    public let path: String

    /// The run at a path.
    public init(_ path: String) {
        var path = path
        while path.count > 1 && path.hasSuffix("/") { path.removeLast() }
        self.path = path
    }

    /// What only a run has, written before anything else: a folder without it is never emptied.
    public var markerFile: String { path + "/" + runMarkerName }
    /// The resolved recipe.
    public var recipeFile: String { path + "/recipe.json" }
    /// Rows of steps and epochs.
    public var metricsFile: String { path + "/metrics.jsonl" }
    /// The last encoder, under timm's names.
    public var encoderFile: String { path + "/encoder.safetensors" }
    /// Pictures that could not be read.
    public var skippedFile: String { path + "/skipped.txt" }
    /// The log for people.
    public var logFile: String { path + "/log.txt" }
    /// The scores of the probes.
    public var probesFile: String { path + "/probes.json" }
    /// The page on the run.
    public var reportFile: String { path + "/report.html" }
    /// Figures of the encoder's blocks.
    public var diagnosisFile: String { path + "/diagnose.jsonl" }
    /// The map of the pictures.
    public var atlasFile: String { path + "/atlas.html" }
    /// The same for TensorBoard's embedding projector.
    public var projector: String { path + "/projector" }
    /// Pictures.
    public var pictures: String { path + "/pictures" }
    /// Features that probes have computed.
    public var features: String { path + "/features" }
    /// What `explore` found.
    public var exploration: String { path + "/explore" }
    /// What `anomalies` found.
    public var anomalies: String { path + "/anomalies" }
    /// What heads have learned that learn along the run, a file for each checkpoint.
    public var onlineHeads: String { path + "/online" }
    /// The same of one step.
    func onlineHeadsFile(of step: Int) -> String { "\(onlineHeads)/\(CheckpointFolder.name(of: step)).safetensors" }
    /// What tells such a file from those of others.
    static let onlineHeadsFormat = "palimpsest-online-heads"
    /// The names of such files that are there.
    var onlineHeadsNames: [String] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: onlineHeads)) ?? []
        return names.sorted().filter {
            $0.hasPrefix("step-") && $0.hasSuffix(".safetensors")
                && OutputFile.isOurs("\(onlineHeads)/\($0)", .safetensors(key: "format", value: Self.onlineHeadsFormat))
        }
    }
    /// The checkpoints.
    public var checkpoints: CheckpointFolder { CheckpointFolder(path + "/checkpoints") }
    /// The run that this one is to replace, whole, until this one has a checkpoint.
    public var previous: RunFolder { RunFolder(path + "/previous-run") }

    /// True where there is a run.
    public var exists: Bool { isFile(recipeFile) }

    static let lockName = "lock"
    /// What training itself writes: a run is these.
    private static let plainNames = [
        "recipe.json", "metrics.jsonl", "encoder.safetensors", "skipped.txt", "log.txt",
    ]
    /// What commands add, and somebody may have put something else in the place of.
    private static let results: [(name: String, content: OutputFile.Content)] = [
        ("report.html", .text(start: Page.start)), ("atlas.html", .text(start: Page.start)),
        ("diagnose.jsonl", diagnosisContent), ("pictures/reconstructions.png", .png), ("pictures/inside.png", .png),
        ("pictures/neighbours.png", .png),
    ]
    /// How figures of the encoder's blocks begin.
    package static let diagnosisContent = OutputFile.Content.text(start: "{\"features\": ")

    /// The files of the run that are there, by their paths below it; the marker comes last. A file that is ours by name and not by
    /// what is in it, is somebody else's.
    var ownFiles: [String] {
        let steps = checkpoints.steps().flatMap { step in
            CheckpointFolder.fileNames.map { "checkpoints/\(CheckpointFolder.name(of: step))/\($0)" }
        }
        func kept(_ folder: String, _ isOurs: (String) -> Bool) -> [String] {
            let names = (try? FileManager.default.contentsOfDirectory(atPath: "\(path)/\(folder)")) ?? []
            return names.sorted().filter(isOurs).map { folder.isEmpty ? $0 : "\(folder)/\($0)" }
        }
        func kept(_ folder: String, _ content: OutputFolder.Names) -> [String] {
            kept(folder) { name in
                content(name).map { OutputFile.isOurs("\(path)/\(folder)/\(name)", $0) } ?? false
            }
        }
        let found =
            kept("") { EventLog.isOurs(self, $0) } + kept("features", FeatureCache.isName)
            + kept("explore", ResultFiles.exploration) + kept("anomalies", ResultFiles.anomalies)
            // In this order what tells the table of features as ours goes behind it.
            + kept("projector", ProjectorFiles.content)
            + ((try? ProbeRecord(probesFile)) == nil ? [] : ["probes.json"])
            + Self.results.filter { OutputFile.isOurs("\(path)/\($0.name)", $0.content) }.map(\.name)
        let heads = onlineHeadsNames.map { "online/\($0)" }
        return (Self.plainNames + steps + heads + found + [runMarkerName]).filter { isFile("\(path)/\($0)") }
    }

    /// What a folder holds besides a run.
    enum Content: Equatable {
        /// Nothing: no such folder, or one without a name in it.
        case nothing
        /// A run.
        case run
        /// Something else; some of its names.
        case foreign([String])
    }

    /// What is at the path; throws where it is no folder, or one that cannot be listed.
    func content() throws(RunError) -> Content {
        var status = stat()
        guard lstat(path, &status) == 0 else {
            guard errno == ENOENT else {
                throw RunError(.cannotCreate, "the run folder \(path) cannot be used: \(systemReason())")
            }
            return .nothing
        }
        guard isFolder(path) else {
            throw RunError(.cannotCreate, "\(path) is no folder; name another one with --run")
        }
        let names: [String]
        do {
            names = try FileManager.default.contentsOfDirectory(atPath: path)
        } catch {
            throw RunError(.cannotCreate, "the run folder \(path) cannot be listed: \(error.localizedDescription)")
        }
        let others = names.filter { $0 != Self.lockName && !Self.isPartial($0) }.sorted()
        // A marker alone is what a start leaves that was killed before it wrote its recipe.
        if others.allSatisfy({ $0 == runMarkerName }) { return .nothing }
        if isFile(markerFile) || isFile(previous.markerFile) { return .run }
        let known = Set(Self.plainNames.map { $0.split(separator: "/").first.map(String.init) ?? $0 } + ["checkpoints"])
        if isResolved && others.allSatisfy(known.contains) { return .run }
        return .foreign(others)
    }

    /// True where only a run of this program can have made what is there.
    var isOurs: Bool { isFile(markerFile) || isFile(previous.markerFile) || !checkpoints.steps().isEmpty }

    /// Refuses a folder that a new run may not use: one with a run, unless `overwriting`; one with anything else, always.
    public func requireFree(overwriting: Bool) throws(RunError) {
        switch try content() {
        case .nothing: try requireWritable()
        case .run:
            guard overwriting else {
                throw RunError(
                    .cannotCreate,
                    "\(path) holds a run already: go on with --resume, replace it with --overwrite, or name "
                        + "another folder with --run")
            }
            try requireWritable()
        case .foreign(let names):
            throw RunError(.cannotCreate, foreignSentence(names))
        }
    }

    /// The sentence for a folder that is not a run and not empty.
    func foreignSentence(_ names: [String]) -> String {
        let shown = names.prefix(3).map { "\"\($0.shown)\"" }.joined(separator: ", ")
        let rest = names.count > 3 ? " and \(names.count - 3) more" : ""
        return "\(path) is not a run and not empty (it holds \(shown)\(rest)), so nothing is written there; name a new "
            + "folder with --run"
    }

    /// Refuses a place where nothing can be made.
    private func requireWritable() throws(RunError) {
        var place = path
        while !isFolder(place) {
            var status = stat()
            guard lstat(place, &status) != 0 else {
                throw RunError(.cannotCreate, "cannot create the run folder \(path): \(place) is no folder")
            }
            let parent = split(place).folder
            if parent == place { break }
            place = parent
        }
        guard access(place, W_OK | X_OK) == 0 else {
            throw RunError(.cannotCreate, "cannot create the run folder \(path): \(place) refuses: \(systemReason())")
        }
    }

    /// Refuses a disk without room for one checkpoint of so many bytes: nothing of the run could ever be kept.
    package func requireSpace(_ bytes: Int) throws(RunError) {
        guard let free = freeSpace(of: path), free < Double(bytes) else { return }
        func spoken(_ bytes: Double) -> String {
            bytes < 0x1p20 ? "\(Int(bytes / 1024)) KiB" : "\(Int(bytes / 0x1p20)) MiB"
        }
        throw RunError(
            .cannotCreate,
            "a checkpoint of this run takes \(spoken(Double(bytes))), and the disk of \(path) has \(spoken(free)) left; make room, or "
                + "name a folder elsewhere with --run")
    }

    /// True for what a process that died left half written.
    static func isPartial(_ name: String) -> Bool { name.hasPrefix(".") && name.hasSuffix(".partial") }

    /// A run of a version that wrote no marker yet: its recipe says what resolved it.
    private var isResolved: Bool {
        guard let data = FileManager.default.contents(atPath: recipeFile), let json = try? JSONParser.parse(Array(data))
        else { return false }
        return json["resolved_by"]?["digest"] != nil
    }

    /// The recipe of the run, with the changes of `--set`.
    public func recipe(set assignments: [String] = []) throws -> Recipe {
        guard isFile(recipeFile), let data = FileManager.default.contents(atPath: recipeFile) else {
            throw absence
        }
        do {
            return try Recipe.parse(Array(data), set: assignments)
        } catch let problems as Problems where problems.list.allSatisfy({ $0.line == JSONValue.overrideLine }) {
            throw problems
        } catch {
            throw RunError(.data, "\(recipeFile): \(error)")
        }
    }

    /// Writes the recipe with every value, and what resolved it.
    func write(_ recipe: Recipe) throws(RunError) {
        var members = (recipe.encoded.members ?? []).map { ($0.name, $0.value) }
        members.append(
            ("resolved_by", .object([("version", JSONValue(palimpsestVersion)), ("digest", JSONValue(recipe.digest))])))
        try write(.object(members), to: recipeFile)
    }

    /// Writes the marker.
    func writeMarker() throws(RunError) {
        try write(
            .object([("palimpsest_run", JSONValue(1)), ("version", JSONValue(palimpsestVersion))]), to: markerFile)
    }

    private func write(_ json: JSONValue, to file: String) throws(RunError) {
        _ = try orRunError { () throws(CheckpointError) in
            try AtomicFile.write(Array((json.text(pretty: true) + "\n").utf8), to: file)
        }
    }
}

/// True where a regular file of that name is, links followed.
func isFile(_ path: String) -> Bool {
    var status = stat()
    return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFREG
}

extension Recipe {
    /// The SHA-256 of everything that decides the run, so that equal digests mean equal runs.
    public var digest: String { SHA256.hexadecimal(of: Array(withoutProbes.encoded.text().utf8)) }

    /// The recipe of the weights, on which online probes and a watch on features have no influence: files are the same with and
    /// without them.
    var withoutProbes: Recipe {
        var recipe = self
        recipe.probes = OnlineProbeList()
        if regularizer.isIdle { recipe.regularizer = RegularizerOptions() }
        return recipe
    }
}

/// Runs a body and turns its file error into one with an exit code.
func orRunError<Result>(_ body: () throws(CheckpointError) -> Result) throws(RunError) -> Result {
    do {
        return try body()
    } catch {
        throw RunError(error)
    }
}

extension RunError {
    /// The error of a file, with the exit code of its kind.
    public init(_ error: CheckpointError) {
        switch error.kind {
        case .invalid: self.init(.data, "\(error)")
        case .missing: self.init(.missing, "\(error)")
        case .unreadable: self.init(.inputOutput, "\(error)")
        case .unwritable: self.init(.cannotCreate, "\(error)")
        }
    }
}
