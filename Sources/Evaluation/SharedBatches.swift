import ImageData
import ProcessGroups

/// What a batch of pictures is, without its numbers: what processes tell one another of it.
struct BatchRows: Codable {
    /// The numbers of the pictures in their source, ascending.
    var samples: [Int]
    /// Their labels; nil where a picture has none.
    var labels: [Int?]
    /// The pictures of this stretch of the source that could not be read.
    var skipped: [SkippedPicture]
}

extension EvaluationBatch {
    /// The same without the numbers.
    var rows: BatchRows { BatchRows(samples: samples, labels: labels, skipped: skipped) }
}

/// The pictures of a source batch by batch, in its order; the processes of a group compute one batch each in turns.
///
/// A batch has the same pictures whatever the number of processes, so that its numbers have the same bits.
struct SharedBatches {
    private let source: any ImageSource
    private let group: ProcessGroup
    private let loader: EvaluationLoader

    init(
        _ source: any ImageSource, _ transform: EvaluationTransform, batchSize: Int, threads: Int,
        requiresLabels: Bool = false, policy: EvaluationLoader.Policy, sharedBy group: ProcessGroup
    ) {
        self.source = source
        self.group = group
        loader = EvaluationLoader(
            source: source, transform: transform, batchSize: batchSize, threads: threads,
            requiresLabels: requiresLabels, policy: policy, offset: group.rank, stride: group.count)
    }

    /// Computes `make` of the own batches that have pictures, and hands all of them, those of other processes too, to `take`, in order.
    /// Where either fails in one process, it ends in all.
    func forEach(
        make: (EvaluationBatch) throws -> [Float], take: (BatchRows, [Float]) throws -> Void
    ) throws {
        var made: [(rows: BatchRows, values: [Float])] = []
        var firstFault: ImageError?
        var readable = 0
        repeat {
            let own = try group.together { () throws -> (rows: BatchRows, values: [Float])? in
                for batch in made { try take(batch.rows, batch.values) }
                return try loader.next().map { ($0.rows, $0.samples.isEmpty ? [] : try make($0)) }
            }
            let rows = group.gather(own?.rows)
            let values = group.gather(own?.values ?? [])
            made = zip(rows, values).compactMap { rows, values in rows.map { ($0, values) } }
            readable += made.reduce(0) { $0 + $1.rows.samples.count }
            firstFault = firstFault ?? made.lazy.flatMap(\.rows.skipped).first?.error
        } while !made.isEmpty
        if readable == 0, let firstFault {
            group.endTogether()
            throw EvaluationLoader.nothing(of: source.count, firstFault)
        }
    }
}
