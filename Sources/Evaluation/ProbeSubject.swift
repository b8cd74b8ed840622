public import Autodiff
public import ImageData
public import VisionTransformers

/// Whose features are judged, on which pictures. Features are made when a protocol first asks for them, and once.
public final class ProbeSubject {
    /// Makes the features of a part by a pooling.
    public typealias Tables = (DatasetPart, Pooling) throws -> FeatureTable

    /// An encoder with its parameters, and how pictures are made ready for it.
    public struct FrozenEncoder {
        /// The encoder.
        public var encoder: Encoder
        /// Its parameters.
        public var parameters: ParameterStore
        /// The form of evaluation.
        public var evaluation: EvaluationTransform

        /// An encoder.
        public init(_ encoder: Encoder, _ parameters: ParameterStore, _ evaluation: EvaluationTransform) {
            self.encoder = encoder
            self.parameters = parameters
            self.evaluation = evaluation
        }
    }

    /// The threads that compute.
    public let engine: Engine
    /// The encoder; nil for raw pixels.
    public let encoder: FrozenEncoder?
    /// The pictures of the training part, each with a label.
    public let train: any ImageSource
    /// The pictures of the test part, each with a label.
    public let test: any ImageSource
    /// Features of single patches, for protocols of label maps; nil where there are none.
    public var patches: PatchFeatures?
    /// What a picture or a label map does that cannot be read, in protocols that read them themselves.
    public var policy = EvaluationLoader.Policy.strict
    /// The pooling that was asked for; nil leaves it to the protocols.
    private let pooling: Pooling?
    /// Hears how far a protocol is: what it does, how much is done, of how much.
    public var onProgress: (_ what: String, _ done: Int, _ total: Int) -> Void = { _, _, _ in }
    private let make: Tables
    private var made: [Pooling: (train: FeatureTable, test: FeatureTable)] = [:]

    /// A subject whose features `tables` makes.
    public init(
        _ encoder: FrozenEncoder?, train: any ImageSource, test: any ImageSource, pooling: Pooling? = nil,
        on engine: Engine, tables: @escaping Tables
    ) {
        self.encoder = encoder
        self.train = train
        self.test = test
        self.pooling = pooling
        self.engine = engine
        make = tables
    }

    /// Features of both parts: by the pooling that was asked for, else by that of a protocol; of the patch tokens' mean where
    /// there is no class token, and of what there is where there are no tokens.
    public func tables(_ wanted: Pooling) throws -> (train: FeatureTable, test: FeatureTable) {
        var pooling = pooling ?? wanted
        if self.pooling == nil, pooling == .class, encoder?.encoder.options.classToken != true { pooling = .mean }
        if let made = made[pooling] { return made }
        let tables = (train: try make(.train, pooling), test: try make(.test, pooling))
        made[pooling] = tables
        return tables
    }

    /// The encoder, for a protocol that needs one.
    func requireEncoder(for protocolName: String) throws(EvaluationError) -> FrozenEncoder {
        guard let encoder else {
            throw EvaluationError("\(protocolName) needs an encoder, and raw pixels have none")
        }
        return encoder
    }

    /// The same with some of the training pictures, named by their numbers in the source, rising.
    func restricted(to samples: [Int]) -> ProbeSubject {
        let part = PartOfSource(train, samples)
        let keys = Set(samples.map { train.key($0) })
        let subject = ProbeSubject(encoder, train: part, test: test, on: engine) { [self] part, pooling in
            let (train, test) = try tables(pooling)
            guard part == .train else { return test }
            return train.rows((0..<train.count).filter { keys.contains(train.keys[$0]) })
        }
        subject.onProgress = onProgress
        subject.patches = patches
        subject.policy = policy
        return subject
    }
}

/// Some pictures of a source.
package struct PartOfSource: ImageSource {
    private let source: any ImageSource
    private let samples: [Int]

    /// The pictures of some numbers.
    package init(_ source: any ImageSource, _ samples: [Int]) {
        self.source = source
        self.samples = samples
    }

    package var count: Int { samples.count }
    package var labelNames: [String]? { source.labelNames }
    package var hasLabelMaps: Bool { source.hasLabelMaps }
    package var mapClassNames: [String]? { source.mapClassNames }
    package func labelMap(_ index: Int) throws(ImageError) -> LabelMap { try source.labelMap(samples[index]) }
    package var ledger: SourceLedger { source.ledger }
    package var fingerprint: String { source.fingerprint }
    package var filePaths: Set<FileName> { source.filePaths }
    package func image(_ index: Int) throws(ImageError) -> DecodedImage { try source.image(samples[index]) }
    package func image(_ index: Int, draw: PictureDraw) throws(ImageError) -> DecodedImage {
        try source.image(samples[index], draw: draw)
    }
    package func label(_ index: Int) -> Int? { source.label(samples[index]) }
    package func key(_ index: Int) -> String { source.key(samples[index]) }
}
