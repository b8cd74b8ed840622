/// Every masking strategy that a recipe can name.
public let maskingStrategies: [any MaskingStrategy.Type] = [
    RandomMasking.self,
    ColorNoiseMasking.self,
    FrequencyMasking.self,
    NoMasking.self,
    BlockMasking.self,
    MultiBlockMasking.self,
    AttentionMasking.self,
]
