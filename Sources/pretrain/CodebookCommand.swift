#if Commands
import ArgumentParser
import Autodiff
import Checkpoints
import Foundation
import ImageData
import Pretraining
import RecipeSchema
import PretrainingMethods
import VisionTransformers

/// `pretrain codebook`: tokens for CAE without a tokenizer from elsewhere.
struct CodebookCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "codebook", abstract: "Make a codebook of patches, for CAE with tokens.",
        discussion: """
            Example: pretrain codebook --recipe cae.json --entries 256 --out codebook.safetensors
            then: pretrain --recipe cae.json --set method.targets=tokens \\
              --set 'method.tokens={"source":"codebook","path":"codebook.safetensors"}'
            The rows are fitted by k-means to normalised patches of training pictures, cut as in training; the token of a \
            patch is the number of the nearest row.
            """)

    @Option(help: "The recipe: a path, or the name of one in ./recipes or shipped with the program.")
    var recipe: String

    @Option(name: .customLong("set"), help: "Change a value of the recipe: KEY=VALUE, such as seed=1.")
    var changes: [String] = []

    @Option(help: "Rows of the codebook: different tokens.")
    var entries = 256

    @Option(help: "Patches to fit it to.")
    var patches = 100_000

    @Option(help: "The file to write.")
    var out = "codebook.safetensors"

    @Option(help: .hidden)
    var output: String?

    @Flag(help: "Replace a file that is no codebook.")
    var overwrite = false

    @Option(help: "Threads that compute. (default: the processors of the machine)")
    var threads: Int?

    func validate() throws {
        guard (2...65_536).contains(entries) else {
            throw ValidationError("--entries is \(entries), allowed are 2 to 65536")
        }
        guard (entries...10_000_000).contains(patches) else {
            throw ValidationError("--patches is \(patches), allowed are \(entries), the entries, to 10000000")
        }
        if let threads, !(1...1024).contains(threads) {
            throw ValidationError("--threads is \(threads), allowed are 1 to 1024")
        }
    }

    func run() throws {
        let output = try OutputFile(
            output ?? out, .safetensors(key: "format", value: CodebookFitting.format), replacing: overwrite)
        let file = try RecipeLibrary.find(recipe)
        let recipe = try DataAccess.resolved(RecipeLibrary.read(file, set: changes))
        try output.requireApart(from: [file] + recipe.encoded.pathsRead)
        let fitting = CodebookFitting(recipe, entries: entries, patches: patches)
        let codebook = try fitting.run(
            source: DataAccess.source(recipe.data, .train),
            transform: recipe.data.trainingTransform(
                channels: recipe.model.channels,
                normalization: recipe.data.writtenNormalization),
            engine: try Machine.engine(threads: threads))
        try output.write(fitting.bytes(of: codebook))
        try Console.show(output.path)
    }
}
#endif
