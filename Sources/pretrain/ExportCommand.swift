#if Commands
public import ArgumentParser
import Checkpoints
public import EncoderExports
import Pretraining

extension ExportFormat: ExpressibleByArgument {}

/// `pretrain export`: weights for other programs.
struct ExportCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "export", abstract: "Write the encoder of a run for timm, Hugging Face's transformers or ONNX.",
        discussion: """
            Example: pretrain export runs/colormae --format timm --out colormae-timm
            Writes a folder: weights, what the other program must know, and a model card with recipe, data and probe table. \
            What a format has no place for is refused with the reason. Prints Python that loads it.
            """)

    @Argument(help: ArgumentHelp("A run, or an encoder.safetensors.", valueName: "run"))
    var target: String

    @Option(help: "timm, huggingface or onnx.")
    var format: ExportFormat

    @Option(help: "The folder to write.")
    var out: String

    @Flag(help: "Leave the decoder of a masked autoencoder out (huggingface).")
    var encoderOnly = false

    @Flag(help: "Replace an earlier export in the folder.")
    var overwrite = false

    func run() throws {
        try RunExport.requireFree(out, replacing: overwrite)
        let export = try RunExport(target, as: format, encoderOnly: encoderOnly, cards: DataAccess.cards)
        try export.write(to: out, replacing: overwrite)
        try Console.show("written to \(out); in Python:\n\n\(export.call(folder: out))")
    }
}

/// `pretrain import`: weights of other programs.
struct ImportCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "import", abstract: "Turn weights of timm, Hugging Face, CLIP or DINO into an encoder's file.",
        discussion: """
            Example: pretrain import vit_small/model.safetensors --out encoder.safetensors
            The file can then be probed, asked for features, and be a teacher. A config.json and preprocessor_config.json \
            beside the weights are read, too.
            """)

    @Argument(help: "A safetensors file, or a folder with one.", completion: .file())
    var file: String

    @Option(help: "The file to write.")
    var out: String

    @Option(help: "Attention heads, where no config.json says them. (default: one for 64 channels)")
    var heads: Int?

    @Option(help: "Terms of the weights, to be carried along. (default: as the files beside them say)")
    var licence: String?

    @Flag(help: "Replace a file that is no encoder.")
    var overwrite = false

    func validate() throws {
        if let heads, !(1...1024).contains(heads) {
            throw ValidationError("--heads is \(heads), allowed are 1 to 1024")
        }
    }

    func run() throws {
        let output = try EncoderImport.output(out, replacing: overwrite)
        try output.requireApart(from: [file])
        let made = try EncoderImport(file, heads: heads, licence: licence)
        try output.write(made.bytes)
        for note in made.notes { Console.say(note) }
        try Console.show(
            "written to \(out); next: pretrain features \(out.quotedForShell) --data images:PATH --out features.safetensors"
        )
    }
}
#endif
