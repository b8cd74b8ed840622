#if Commands
import ArgumentParser
import Checkpoints
import Evaluation
import ImageData
import Pretraining
import RandomStreams
import RecipeSchema
import Reporting
import RunReports

/// `pretrain atlas`: a map of pictures by their features, to be walked through.
struct AtlasCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "atlas",
        abstract:
            "A map of your pictures in one page: alike ones lie together; zoom, search, colour by label or cluster.",
        discussion: """
            Example: pretrain atlas runs/colormae --data images:pictures
            Writes atlas.html, one file that opens in any browser and fetches nothing, for at most \(Atlas.most) pictures. The places \
            are those of t-SNE, started from principal components: near ones are alike, the distance of far ones says little. With \
            --format embedding-projector it writes a folder for TensorBoard instead: tensorboard --logdir FOLDER.
            """)

    /// What is written.
    enum Format: String, CaseIterable, ExpressibleByArgument {
        case html
        case projector = "embedding-projector"
    }

    @Argument(help: "A run's folder, or a safetensors file of an encoder (ours, timm's, Hugging Face's, CLIP's).")
    var target: String

    @OptionGroup var input: FeatureInput

    @Option(help: "The part of the source: train or test.")
    var part = DatasetPart.train

    @Option(help: "A page (html), or a folder for TensorBoard (embedding-projector).")
    var format = Format.html

    @Option(help: "The page or folder to write. (default: atlas.html or projector in the run)")
    var out: String?

    @Flag(help: "Replace files of these names that are not ours.")
    var overwrite = false

    @Flag(help: "Compute all features anew, and keep none.")
    var noCache = false

    /// The place of what is written, looked at before any work.
    private enum Output {
        case page(OutputFile)
        case folder(OutputFolder)
    }

    func run() throws {
        let run = RunFolder(target)
        let subject = try input.subject(target)
        let output = try self.output(run, read: subject.recipe.data.encoded.pathsRead)
        let log = PeopleLog.log()
        for note in subject.notes { log.info("\(target): \(note)") }
        let pictures = try ExploredPictures(
            subject, part, input, cache: noCache ? nil : run.featureCache, require: Atlas.require)
        let table = pictures.table
        let progress = WorkProgress()
        var options = Exploration.Options()
        options.shown = Atlas.neighbours
        options.queries = Array(0..<table.count)
        let atlas = try orData {
            let found = try Exploration(
                table, digests: pictures.digests, options,
                random: RandomStream(seed: UInt64(subject.recipe.seed)).child("explore"), on: pictures.engine,
                onProgress: { progress.at($0, $1, $2) })
            return try Atlas(
                found, pictures.source, subject.recipe, DataAccess.evaluationTransform(subject.recipe),
                on: pictures.engine, onProgress: { progress.at($0, $1, $2) })
        }
        progress.end()
        for note in table.notes { log.info("note: \(note)") }
        switch output {
        case .page(let file):
            try file.write(
                try atlas.page(
                    title: "Atlas of \(table.count) pictures",
                    about:
                        "The \(part.rawValue) part of \(subject.recipe.sourceWords), as the encoder of \(target) (recipe "
                        + "\(subject.recipe.name)) sees it: " + atlas.reading))
            try Console.show("\(file.path): \(table.count) pictures; open it in a browser")
        case .folder(let folder):
            try folder.write(try atlas.projectorFiles())
            try Console.show(
                "\(folder.path): \(table.count) pictures; next: tensorboard --logdir \(folder.path.quotedForShell), then Projector"
            )
        }
    }

    private func output(_ run: RunFolder, read: [String]) throws -> Output {
        guard let place = out ?? (run.exists ? (format == .html ? run.atlasFile : run.projector) : nil) else {
            throw RunError(.usage, "\(target) is no run, so it has no place for an atlas; name one with --out")
        }
        switch format {
        case .html:
            let file = try OutputFile(place, .text(start: Page.start), replacing: overwrite)
            try file.requireApart(from: read)
            return .page(file)
        case .projector:
            let folder = try OutputFolder(place, replacing: overwrite, names: ProjectorFiles.content)
            try folder.requireApart(from: read)
            return .folder(folder)
        }
    }
}
#endif
