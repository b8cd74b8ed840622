public import RecipeSchema

/// What one block of an encoder does, over a sample of pictures (definitions: `MassiveActivations`, `ActivationSparsity`,
/// `AttentionMaps`, `FeatureSpectrum`).
public struct BlockFigures: Sendable {
    /// The block, counted from 1.
    public var block: Int
    /// The three largest absolute values of the block's output, averaged over pictures.
    public var top3: [Double]
    /// The median of the absolute values.
    public var median: Double
    /// The largest over the median, averaged over pictures.
    public var maxToMedian: Double
    /// Values a picture above 100 and above 1,000 medians.
    public var massiveCount: Double
    /// The channel where the largest value of a picture stands most often, counted from 0.
    public var channel: Int
    /// The share of pictures whose largest value stands there.
    public var channelShare: Double
    /// Share of hidden units above 0.
    public var positiveShare: Double
    /// Share of hidden units above a tenth of their token's root mean square.
    public var aboveThresholdShare: Double
    /// How evenly the hidden units of a token share its size, 1/H to 1.
    public var participation: Double
    /// Share of hidden units that are above 0 nowhere.
    public var deadUnitShare: Double
    /// Mean distance of attention, in pixels, by head.
    public var attentionDistance: [Double]
    /// Entropy of attention, in nats, by head.
    public var attentionEntropy: [Double]
    /// RankMe of the mean patch tokens.
    public var rankMe: Double
    /// Their effective rank without the common offset.
    public var centredRank: Double
    /// Their participation ratio.
    public var participationRatio: Double
    /// Their stable rank.
    public var stableRank: Double

    /// The figures by name, those of heads as lists.
    public var members: [(name: String, value: JSONValue)] {
        func list(_ values: [Double]) -> JSONValue { JSONValue(values.map { JSONValue($0) }) }
        return [
            ("block", JSONValue(block)), ("top3", list(top3)), ("median", JSONValue(median)),
            ("max_to_median", JSONValue(maxToMedian)), ("massive_count", JSONValue(massiveCount)),
            ("channel", JSONValue(channel)), ("channel_share", JSONValue(channelShare)),
            ("positive_share", JSONValue(positiveShare)), ("above_threshold_share", JSONValue(aboveThresholdShare)),
            ("participation", JSONValue(participation)), ("dead_unit_share", JSONValue(deadUnitShare)),
            ("attention_distance", list(attentionDistance)), ("attention_entropy", list(attentionEntropy)),
            ("rankme", JSONValue(rankMe)), ("effective_rank_centred", JSONValue(centredRank)),
            ("participation_ratio", JSONValue(participationRatio)), ("stable_rank", JSONValue(stableRank)),
        ]
    }
}
