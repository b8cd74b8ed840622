package import Autodiff

/// What normal pictures are like, and how unlike them others are.
package struct AnomalyModel {
    private let normal: [[Float]]
    private let gaussians: [AnomalyDetector: [SubspaceGaussian]]
    private let memory: PatchMemory
    private let neighbour: Int
    private let width: Int
    private let engine: Engine

    /// Fits the features of normal pictures, blocks of `width` numbers side by side, and a memory of their patches.
    package init(
        _ normal: FeatureTable, blockWidth width: Int, memory: PatchMemory, neighbour: Int, on engine: Engine
    ) {
        let blocks = normal.dimension / width
        let parts = (0..<blocks).map { normal.columns($0 * width..<($0 + 1) * width) }
        var gaussians: [AnomalyDetector: [SubspaceGaussian]] = [:]
        let doubles = parts.map { $0.map { Double($0) } }
        let components = doubles.map { PrincipalComponents($0, rows: normal.count, width: width) }
        for detector in AnomalyDetector.allCases {
            guard let subspace = detector.subspace else { continue }
            let made = zip(doubles, components).compactMap {
                SubspaceGaussian($0, rows: normal.count, width: width, subspace, of: $1)
            }
            if made.count == blocks { gaussians[detector] = made }
        }
        self.gaussians = gaussians
        self.normal = parts
        self.memory = memory
        self.neighbour = neighbour
        self.width = width
        self.engine = engine
    }

    /// The scores of pictures by each detector, of several blocks the mean of their distances. `worst` are the distances of their worst
    /// patches. A detector whose covariance is singular, because normal features hardly vary, has none.
    package func scores(_ table: FeatureTable, worst: [Double]) -> [AnomalyDetector: [Double]] {
        let parts = normal.indices.map { table.columns($0 * width..<($0 + 1) * width) }
        func mean(_ distances: [[Double]]) -> [Double] {
            (0..<table.count).map { row in distances.reduce(0) { $0 + $1[row] } / Double(distances.count) }
        }
        var scores: [AnomalyDetector: [Double]] = [.patches: worst]
        for (detector, models) in gaussians {
            scores[detector] = mean(zip(models, parts).map { $0.distances($1.map { Double($0) }) })
        }
        scores[.neighbour] = mean(
            zip(parts, normal).map {
                FeatureGeometry.neighbourDistances($0, among: $1, width: width, count: neighbour, on: engine)
            })
        return scores
    }

    /// The distances of patches `[n, tokenWidth]` to the memory.
    package func patchDistances(_ tokens: [Float]) -> [Double] { memory.distances(tokens, on: engine) }
}

extension FeatureTable {
    /// Some columns of all rows, `[count, columns]`.
    func columns(_ columns: Range<Int>) -> [Float] {
        guard columns != 0..<dimension else { return features }
        return (0..<count).flatMap {
            features[$0 * dimension + columns.lowerBound..<$0 * dimension + columns.upperBound]
        }
    }
}
