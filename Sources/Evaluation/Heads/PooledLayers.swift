public import Autodiff

/// Features of several blocks side by side, as linear heads of the JEPAs and of DINOv2 take them.
public struct PooledLayers: Sendable {
    /// `[B, features]`.
    public let features: Tensor

    /// Class tokens of the last `blocks` blocks, oldest first, then the mean patch token of the last where asked, of
    /// `classTokens` `[layers, B, D]` and `patches` `[layers, B, N, D]` after the final norm.
    public init(classTokens: Tensor, patches: Tensor, blocks: Int, appendsMean: Bool) {
        let (layers, pictures, width) = (classTokens.shape[0], classTokens.shape[1], classTokens.shape[2])
        let tokens = classTokens.array
        let means = appendsMean ? Self.means(patches) : []
        features = Self.joined(pictures: pictures, width: width) { picture in
            let kept = (layers - blocks..<layers).map { layer in
                let start = (layer * pictures + picture) * width
                return tokens[start..<start + width]
            }
            guard appendsMean else { return kept }
            let start = ((layers - 1) * pictures + picture) * width
            return kept + [means[start..<start + width]]
        }
    }

    /// Mean tokens of the last `blocks` blocks, oldest first, of `tokens` `[layers, B, N, D]` after the final norm.
    public init(meanOf tokens: Tensor, blocks: Int) {
        let (layers, pictures, width) = (tokens.shape[0], tokens.shape[1], tokens.shape[3])
        let means = Self.means(tokens)
        features = Self.joined(pictures: pictures, width: width) { picture in
            (layers - blocks..<layers).map { layer in
                let start = (layer * pictures + picture) * width
                return means[start..<start + width]
            }
        }
    }

    private static func joined(
        pictures: Int, width: Int, _ parts: (Int) -> [ArraySlice<Float>]
    ) -> Tensor {
        let rows = (0..<pictures).map { parts($0).flatMap { $0 } }
        return Tensor(rows.flatMap { $0 }, [pictures, rows.first?.count ?? width])
    }

    /// The mean over tokens of `[layers, B, N, D]`, in double precision: `[layers, B, D]`.
    private static func means(_ tokens: Tensor) -> [Float] {
        let (count, width) = (tokens.shape[2], tokens.shape[3])
        let values = tokens.array
        return (0..<tokens.shape[0] * tokens.shape[1]).flatMap { picture in
            (0..<width).map { channel in
                let sum = (0..<count).reduce(0.0) { $0 + Double(values[(picture * count + $1) * width + channel]) }
                return Float(sum / Double(count))
            }
        }
    }
}
