public import RecipeSchema

/// Every masking strategy that a recipe can name, and those that a program registers.
public let maskingStrategies = Catalogue<any MaskingStrategy.Type>(
    "mask strategy",
    [
        RandomMasking.self,
        ColorNoiseMasking.self,
        FrequencyMasking.self,
        NoMasking.self,
        BlockMasking.self,
        MultiBlockMasking.self,
        AttentionMasking.self,
        InverseBlockMasking.self,
    ]
) { $0 }
