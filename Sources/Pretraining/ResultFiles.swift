public import Checkpoints

/// Names of the files that `explore` and `anomalies` write: stable, so that others can read them, and a run knows its own.
public enum ResultFiles {
    /// The figures of `explore`, a JSON object a line; its first row has the kind `explore`.
    public static let explorationRows = "explore.jsonl"
    /// The figures of `anomalies`; its first row has the kind `anomalies`.
    public static let anomalyRows = "anomalies.jsonl"
    /// Most heat maps that are written.
    public static let mostMaps = 999

    private static let explorationSheets: Set = [
        "neighbours.png", "duplicates.png", "clusters.png", "unusual.png", "patches.png", "spectrum.png",
    ]

    /// The heat map of the picture with the `rank`-th worst patch, from 1.
    public static func map(_ rank: Int) -> String {
        let digits = "\(rank)"
        return "map-\(String(repeating: "0", count: max(0, 3 - digits.count)))\(digits).png"
    }

    /// What a name of the folder of `explore` holds.
    @Sendable public static func exploration(_ name: String) -> OutputFile.Content? {
        if name == explorationRows { return .text(start: "{\"kind\": \"explore\"") }
        return explorationSheets.contains(name) ? .png : nil
    }

    /// What a name of the folder of `anomalies` holds.
    @Sendable public static func anomalies(_ name: String) -> OutputFile.Content? {
        if name == anomalyRows { return .text(start: "{\"kind\": \"anomalies\"") }
        return name == "worst.png" || name.wholeMatch(of: /map-[0-9]{3}\.png/) != nil ? .png : nil
    }
}

/// Names of the files of TensorBoard's embedding projector, which finds the others by the config in the folder of a log.
public enum ProjectorFiles {
    /// A line of features a picture.
    public static let vectors = "features.tsv"
    /// A line of words a picture, below a line of headings.
    public static let metadata = "metadata.tsv"
    /// The pictures on one.
    public static let sprite = "sprite.png"
    /// What names the others.
    public static let config = "projector_config.pbtxt"

    private static let start = "embeddings {\n  tensor_name: \"features\"\n  tensor_path: \"\(vectors)\""

    /// What a name of the folder holds.
    @Sendable public static func content(_ name: String) -> OutputFile.Content? {
        switch name {
        case vectors: .named(by: config, start: start)
        case metadata: .text(start: "name\tcluster\tunusual")
        case sprite: .png
        case config: .text(start: start)
        default: nil
        }
    }
}
