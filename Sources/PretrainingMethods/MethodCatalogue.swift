public import RecipeSchema

/// Every pretraining method that a recipe can name, and those that a program registers.
public let pretrainingMethods = Catalogue<any PretrainingOptions.Type>(
    "method",
    [
        MAEOptions.self,
        MFMOptions.self,
        IJEPAOptions.self,
        DMTJEPAOptions.self,
        LUTOptions.self,
        CAEOptions.self,
        MaskAlignOptions.self,
        SimMIMOptions.self,
        CrossMAEOptions.self,
        CAPIOptions.self,
        LeJEPAOptions.self,
    ]
) { $0 }
