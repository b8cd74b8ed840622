import RecipeSchema

/// Reads the text of `--data`.
public enum SourceArgument {
    /// The source that a text names.
    ///
    /// - `KIND:PATH`, such as `cifar:data/cifar-10-batches-bin`, names the kind;
    /// - `card=NAME:PATH` or `card=NAME` names a card;
    /// - anything else is a path, for the kind and options of `base` where it takes a path, else for the kind that the
    ///   path looks like.
    public static func parse(_ text: String, keeping base: (any SourceOptions)? = nil) throws(ImageError)
        -> any SourceOptions
    {
        if text.hasPrefix("card=") {
            let rest = text.dropFirst(5)
            let colon = rest.firstIndex(of: ":") ?? rest.endIndex
            var options = CardSourceOptions()
            options.card = String(rest[..<colon])
            if colon < rest.endIndex { options.path = String(rest[rest.index(after: colon)...]) }
            return options
        }
        if let colon = text.firstIndex(of: ":"),
            let type = sourceKinds.first(where: { $0.name == text[..<colon] }),
            let options = type.init().moved(to: String(text[text.index(after: colon)...]))
        {
            return options
        }
        if text == ProceduralSourceOptions.name { return ProceduralSourceOptions() }
        if let moved = base?.moved(to: text) { return moved }
        return try guess(text)
    }

    /// The source that a path looks like: files of CIFAR, IDX files, shards, class folders, or any pictures.
    public static func guess(_ path: String) throws(ImageError) -> any SourceOptions {
        let candidates: [any SourceOptions] = [
            CIFARSourceOptions(), IDXSourceOptions(), ShardsSourceOptions(), ClassFoldersSourceOptions(),
            ImagesSourceOptions(),
        ]
        for candidate in candidates where candidate.fits(path) {
            if let fitting = candidate.moved(to: path) { return fitting }
        }
        guard kind(of: path) != .nothing else {
            throw ImageError(.io, path: path, "there is no such file or folder")
        }
        let names = sourceKinds.map { $0.name }.joined(separator: ", ")
        throw ImageError(
            .unsupported, path: path,
            "no data set by its name or content; say what it is as KIND:PATH with one of \(names)")
    }
}
