public import Checkpoints
import RecipeSchema

/// Features of many pictures: what probes read.
public struct FeatureTable: Sendable, Equatable {
    /// The features [count, dimension], row-major, in the order of the source.
    public let features: [Float]
    /// Number of features a picture.
    public let dimension: Int
    /// The class of each picture, from 0; nil where the source has none.
    public let labels: [Int]?
    /// The names of the classes, where the source has them.
    public var classNames: [String]?
    /// The name of each picture in its source; empty where it has none.
    public var keys: [String]
    /// Where the features come from: encoder, layer, pooling, fingerprints.
    public var provenance: [String: String]

    /// Number of pictures.
    public var count: Int { features.count / dimension }

    /// A table of `features` [n, dimension]; the number of labels and of keys, where there are any, must be n.
    public init(
        features: [Float], dimension: Int, labels: [Int]? = nil, classNames: [String]? = nil, keys: [String] = [],
        provenance: [String: String] = [:]
    ) {
        precondition(dimension > 0, "a feature table of \(dimension) features")
        precondition(features.count % dimension == 0, "\(features.count) values for \(dimension) features")
        let count = features.count / dimension
        precondition(labels == nil || labels?.count == count, "\(labels?.count ?? 0) labels for \(count) pictures")
        precondition(keys.isEmpty || keys.count == count, "\(keys.count) keys for \(count) pictures")
        self.features = features
        self.dimension = dimension
        self.labels = labels
        self.classNames = classNames
        self.keys = keys
        self.provenance = provenance
    }

    /// Some rows, in the order given.
    public func rows(_ rows: [Int]) -> FeatureTable {
        var chosen: [Float] = []
        chosen.reserveCapacity(rows.count * dimension)
        for row in rows { chosen += features[(row * dimension)..<((row + 1) * dimension)] }
        return FeatureTable(
            features: chosen, dimension: dimension, labels: labels.map { labels in rows.map { labels[$0] } },
            classNames: classNames, keys: keys.isEmpty ? [] : rows.map { keys[$0] }, provenance: provenance)
    }
}

extension FeatureTable {
    /// The table as a file: `features` [N, D] float32, `labels` [N] int64; keys, class names and provenance as metadata.
    public var file: SafetensorsFile {
        var metadata = provenance
        if !keys.isEmpty { metadata["keys"] = JSONValue(keys.map { JSONValue($0) }).text() }
        if let classNames { metadata["class_names"] = JSONValue(classNames.map { JSONValue($0) }).text() }
        var file = SafetensorsFile(metadata: metadata)
        file["features"] = StoredTensor(features, shape: [count, dimension])
        if let labels { file["labels"] = StoredTensor(labels.map(Int64.init)) }
        return file
    }

    /// The table of a file written by `file`; `path` is for errors.
    public init(_ file: SafetensorsFile, path: String) throws {
        guard let features = file["features"], features.shape.count == 2, features.shape[1] > 0 else {
            throw EvaluationError("\(path): has no tensor \"features\" of two axes; it is not a file of features")
        }
        let count = features.shape[0]
        var labels: [Int]?
        if let stored = file["labels"] {
            // All that counts classes takes memory for the largest label.
            let largest = max(65_535, count)
            guard let integers = stored.integers(), stored.shape == [count],
                integers.allSatisfy({ (0...largest).contains($0) })
            else {
                throw EvaluationError("\(path): \"labels\" is not a list of \(count) integers from 0 to \(largest)")
            }
            labels = integers
        }
        func strings(_ name: String) throws -> [String]? {
            guard let text = file.metadata[name] else { return nil }
            guard let list = try? JSONParser.parse([UInt8](text.utf8)).array else {
                throw EvaluationError("\(path): the metadata \"\(name)\" is not a JSON list")
            }
            return list.compactMap(\.string)
        }
        let keys = try strings("keys") ?? []
        guard keys.isEmpty || keys.count == count else {
            throw EvaluationError("\(path): has \(keys.count) keys for \(count) rows of features")
        }
        self.init(
            features: features.floats(), dimension: features.shape[1], labels: labels,
            classNames: try strings("class_names"), keys: keys,
            provenance: file.metadata.filter { $0.key != "keys" && $0.key != "class_names" })
    }
}
