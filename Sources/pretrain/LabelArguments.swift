#if Commands
import ArgumentParser
import ImageData
import Pretraining
import RecipeSchema

/// Labels and a split for pictures that `--data` or a recipe names, where no recipe says them.
struct LabelArguments: ParsableArguments {
    @Option(
        help: "File of the labels of an `images` folder, .csv or .jsonl, as data.source.labels.", completion: .file())
    var labels: String?

    @Option(
        help:
            "Folder of label maps, PNG files of the number of a class a pixel, 255 for none, that lie as the pictures do, as data.source.maps.",
        completion: .directory)
    var maps: String?

    @Option(help: "Share of each class that becomes the test part, where there is none, as data.source.split.test.")
    var split: Double?

    @Option(help: "What --split never divides, as data.source.split.group: folder, or a column of the labels.")
    var splitGroup: String?

    /// The source with what is given here; a kind that has no place for it, and a value out of its range, are mistakes of usage.
    func applied(to given: any SourceOptions) throws -> any SourceOptions {
        guard labels != nil || maps != nil || split != nil || splitGroup != nil else { return given }
        var source = given
        let kind = type(of: given).name
        if let labels {
            guard var images = source as? ImagesSourceOptions else {
                throw RunError(
                    .usage,
                    "--labels names the labels of a folder of kind `images`, and the source is of kind `\(kind)`; name the folder as "
                        + "images:FOLDER")
            }
            images.labels = labels
            source = images
        }
        if let maps {
            guard var mapped = source as? any MappedOptions else {
                let why =
                    source is ProceduralSourceOptions
                    ? "the built-in pictures have maps of their own" : "the source is of kind `\(kind)`"
                throw RunError(
                    .usage,
                    "--maps names the label maps of folders of kind `images` or `class_folders`, and \(why)"
                        + (source is ProceduralSourceOptions ? "; leave it out" : "; name a folder as images:FOLDER"))
            }
            mapped.maps = maps
            source = mapped
        }
        if split != nil || splitGroup != nil {
            guard var divided = source as? any DividedOptions else {
                throw RunError(
                    .usage,
                    "--split divides pictures of the kinds `images` and `class_folders`, and the source is of kind `\(kind)`; its test "
                        + "part is what it brings along")
            }
            guard var options = split == nil ? divided.split : divided.split ?? SplitOptions() else {
                throw RunError(
                    .usage, "--split-group \(splitGroup ?? "") needs a split; give its share with --split, such as 0.2")
            }
            if let split { options.test = split }
            if let splitGroup { options.group = splitGroup }
            divided.split = options
            source = divided
        }
        var problems: [Problem] = []
        _ = type(of: source).decode(source.encoded, at: "data.source", &problems)
        guard problems.isEmpty else {
            throw RunError(.usage, problems.map { "\($0.path): \($0.message)" }.joined(separator: "; "))
        }
        return source
    }
}
#endif
