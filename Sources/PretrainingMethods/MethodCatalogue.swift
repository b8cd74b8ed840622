/// Every pretraining method that a recipe can name.
public let pretrainingMethods: [any PretrainingOptions.Type] = [
    MAEOptions.self,
    MFMOptions.self,
    IJEPAOptions.self,
    DMTJEPAOptions.self,
    LUTOptions.self,
    CAEOptions.self,
    MaskAlignOptions.self,
]
