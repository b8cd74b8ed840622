public import ImageData
public import ProcessGroups

/// Features that need no encoder: the pictures' own numbers.
public enum SourceFeatures {
    /// The most numbers a picture that are kept: those of a 32 x 32 picture of three channels.
    public static let mostNumbers = 3072

    /// The baseline *raw pixels*: the normalised numbers of the evaluation transform, channel by channel.
    ///
    /// Pictures of more than `mostNumbers` numbers are shrunk by averaging areas, both sides by the same factor; the
    /// provenance says the size. Labels are taken where every picture has one.
    /// - Parameters:
    ///   - threads: threads that decode; 0 decodes in the calling one.
    ///   - policy: what a picture that cannot be read does.
    ///   - memoryLimit: bytes that there are; more are refused before a picture is read.
    ///   - group: processes that call this alike and share the work; each gets the whole table.
    public static func rawPixels(
        _ source: any ImageSource, transform: EvaluationTransform, threads: Int = 0,
        policy: EvaluationLoader.Policy = .strict, memoryLimit: Int = .max, sharedBy group: ProcessGroup = .alone
    ) throws -> FeatureTable {
        let (channels, height, width) = transform.shape
        let factor = min(1, (Double(mostNumbers) / Double(channels * height * width)).squareRoot())
        let small = (max(1, Int(Double(height) * factor)), max(1, Int(Double(width) * factor)))
        let dimension = channels * small.0 * small.1
        let batches = SharedBatches(
            source, transform, batchSize: 64, threads: threads, policy: policy, sharedBy: group)
        var features: [Float] = []
        try group.together { try requireMemory(rows: source.count, dimension: dimension, limit: memoryLimit) }
        features.reserveCapacity(source.count * dimension)
        var rows = SourceRows(source)
        func shrunk(_ batch: EvaluationBatch) -> [Float] {
            guard factor < 1 else { return batch.images }
            return stride(from: 0, to: batch.images.count, by: height * width).flatMap { plane in
                let picture = DecodedImage(
                    height: height, width: width, channels: 1,
                    samples: .float32([Float](batch.images[plane..<(plane + height * width)])))
                return Resampling.resize(picture, height: small.0, width: small.1, filter: .box).unitSamples()
            }
        }
        try batches.forEach(make: shrunk) {
            features += $1
            rows.add($0)
        }
        return rows.table(
            features, dimension: dimension,
            provenance: [
                "features": "raw-pixels", "size": "\(small.0)x\(small.1)", "channels": "\(channels)",
                "source": source.fingerprint,
            ])
    }
}

/// Throws where a table of features cannot fit into memory.
func requireMemory(rows: Int, dimension: Int, limit: Int) throws(EvaluationError) {
    let bytes = Double(rows) * Double(dimension) * Double(MemoryLayout<Float>.size)
    guard bytes > Double(limit) else { return }
    func spoken(_ bytes: Double) -> String { "\((bytes / 0x1p30 * 10).rounded() / 10) GiB" }
    throw EvaluationError(
        "\(rows) pictures with \(dimension) features each take \(spoken(bytes)) of memory, and this machine has "
            + "\(spoken(Double(limit))); take fewer pictures, such as a folder with a part of them")
}
