import Checkpoints
import ContentDigests
public import EncoderExports
import EncoderFiles
import Foundation
public import ImageData
import ImageMasking
import PretrainingMethods
import RandomStreams
import RecipeSchema
import TrainingStep
import VisionTransformers

/// The encoder of a run, or of a file, on its way to another program.
public struct RunExport: Sendable {
    /// What is exported.
    public let export: EncoderExport
    /// The format.
    public let format: ExportFormat
    private var card: ModelCard

    /// Reads a run or an encoder's file.
    ///
    /// A masked autoencoder's run brings its decoder along where the format has a place for it, unless `encoderOnly` is set.
    public init(
        _ path: String, as format: ExportFormat, encoderOnly: Bool = false, cards: DatasetCards
    ) throws {
        let subject = try EvaluatedEncoder(path: path)
        let recipe = subject.recipe
        let constants = recipe.data.writtenNormalization
        var export = EncoderExport(
            subject.encoder, subject.parameters, mean: constants.mean, deviation: constants.deviation)
        if case .numbers(let low, let high) = recipe.data.valueRange { export.valueRange = (low, high) }
        export.metadata = recipe.data.scalingMetadata
        let folder = RunFolder(path)
        if format == .huggingFace, !encoderOnly, subject.hasRecipe, folder.exists,
            let options = recipe.method as? MAEOptions, recipe.model.classToken
        {
            let trained = try TrainedMethod(folder)
            export.encoder = trained.method.encoder
            export.parameters = trained.method.parameters
            export.decoder = EncoderExport.MAEDecoder(
                size: .init(width: options.decoderWidth, depth: options.decoderDepth, heads: options.decoderHeads),
                hidden: recipe.model.blocks(width: options.decoderWidth, heads: options.decoderHeads).hidden,
                maskRatio: try Self.hiddenShare(of: recipe), normalizesTarget: options.normPixLoss)
        }
        let obstacles = format.obstacles(export)
        guard obstacles.isEmpty else {
            throw RunError(
                .usage,
                "\(path) cannot be exported as \(format.rawValue): \(obstacles.joined(separator: "; ")); "
                    + Self.others(than: format, export))
        }
        self.export = export
        self.format = format
        card = try Self.card(subject, folder, path, format, cards)
    }

    /// The share of patches that a run's masks hide.
    private static func hiddenShare(of recipe: Recipe) throws -> Double {
        if let share = recipe.mask.hiddenShare(on: recipe.maskGrid ?? recipe.grid) { return share }
        let plan = try MaskMaker(recipe).plan(samples: [0])
        guard case .patches(let mask) = plan else { return 0 }
        return 1 - Double(mask.visibleCount) / Double(mask.grid.count)
    }

    /// The formats that have a place for an encoder that this one has none for.
    private static func others(than format: ExportFormat, _ export: EncoderExport) -> String {
        let fitting = ExportFormat.allCases.filter { $0 != format && $0.obstacles(export).isEmpty }
        return fitting.isEmpty
            ? "no other format has a place for it either"
            : "it can be exported as \(fitting.map(\.rawValue).joined(separator: ", "))"
    }

    /// Python that loads the export.
    public func call(folder: String) -> String { format.call(export, folder: folder) }

    /// Writes the folder, complete or not at all; one that is an export already is replaced on request, any other never.
    public func write(to folder: String, replacing: Bool = false) throws {
        try Self.requireFree(folder, replacing: replacing)
        var files = format.files(export)
        var card = card
        card.call = call(folder: ".")
        card.digests = files.map { ($0.name, SHA256.hexadecimal(of: $0.bytes)) }
        files.append(ExportedFile("README.md", Array(card.markdown.utf8)))
        let names = files.map(\.name)
        let marker = JSONValue.object([
            ("palimpsest", JSONValue(palimpsestVersion)), ("format", JSONValue(format.rawValue)),
            ("files", JSONValue(names.map { JSONValue($0) })),
        ])
        files.append(ExportedFile(Self.marker, Array((marker.text(pretty: true) + "\n").utf8)))
        try orRunError { () throws(CheckpointError) in
            try AtomicFolder.write(to: folder, replacing: isFolder(folder)) { (writer) throws(CheckpointError) in
                for file in files {
                    try writer.file(file.name) { (writer) throws(CheckpointError) in try writer.write(file.bytes) }
                }
            }
        }
    }

    private static let marker = "palimpsest-export.json"

    /// Throws where a folder may not be written: it holds something, and is not an export that may be replaced.
    public static func requireFree(_ folder: String, replacing: Bool) throws(RunError) {
        guard !folder.isEmpty else { throw RunError(.usage, "--out is empty; name the folder of the export") }
        guard ![".", ".."].contains(folder.split(separator: "/").last.map(String.init)) else {
            throw RunError(.usage, "--out \(folder) is a folder that is in use; name a new one")
        }
        var status = stat()
        guard lstat(folder, &status) == 0 else { return }
        guard status.st_mode & S_IFMT == S_IFDIR else {
            throw RunError(.cannotCreate, "\(folder) is there already and is no folder; name another one")
        }
        guard let found = (try? FileManager.default.contentsOfDirectory(atPath: folder)).map(Set.init) else {
            throw RunError(.cannotCreate, "\(folder) is there already and cannot be listed; name another folder")
        }
        guard !found.isEmpty else { return }
        let data = FileManager.default.contents(atPath: "\(folder)/\(marker)")
        let stated = data.flatMap { try? JSONParser.parse(Array($0)) }?["files"]?.array?.compactMap(\.string)
        guard let stated else {
            throw RunError(
                .cannotCreate,
                "\(folder) holds other things (\(found.sorted().prefix(3).joined(separator: ", "))); name a "
                    + "folder that is empty or not there yet")
        }
        let others = found.subtracting(stated + [marker]).sorted()
        guard others.isEmpty else {
            throw RunError(
                .cannotCreate,
                "\(folder) is an export, and holds \(others[0]) besides; move that away, or name another folder")
        }
        guard replacing else {
            throw RunError(
                .cannotCreate, "\(folder) is an export already; replace it with --overwrite, or name another folder")
        }
    }

    private static func card(
        _ subject: EvaluatedEncoder, _ folder: RunFolder, _ path: String, _ format: ExportFormat, _ cards: DatasetCards
    ) throws -> ModelCard {
        let recipe = subject.recipe
        var card = ModelCard(
            name: recipe.name, method: subject.hasRecipe ? type(of: recipe.method).name : nil,
            library: format.library)
        let (size, constants) = (recipe.data.imageSize, recipe.data.writtenNormalization)
        if subject.hasRecipe {
            card.recipe = recipe.encoded
            if let source = recipe.encoded["data"]?["source"] { card.data.append("source: `\(source.text())`") }
            if let known = try? recipe.data.source.card(in: cards) { card.dataLicence = known.licence }
        }
        card.data.append("\(size.height) x \(size.width) pixels, \(recipe.model.channels) channels")
        var scale = "integers by the range of their type to [0, 1]"
        if case .numbers(let low, let high) = recipe.data.valueRange {
            scale = "stored numbers from \(low) to \(high) to [0, 1]"
        }
        card.data.append("\(scale), then mean \(constants.mean) and deviation \(constants.deviation)")
        card.weightsLicence = subject.licence
        if folder.exists, FileManager.default.fileExists(atPath: folder.probesFile),
            let data = FileManager.default.contents(atPath: folder.probesFile)
        {
            card.probes = try? JSONParser.parse(Array(data)).array
        }
        card.limits += [
            "Features are of pictures of this size and normalisation; others give other numbers.",
            "What is measured above holds for the data named there.",
        ]
        return card
    }
}
