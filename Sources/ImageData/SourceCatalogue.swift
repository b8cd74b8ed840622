public import RecipeSchema

/// Every kind of source that a recipe can name, and those that a program registers.
public let sourceKinds = Catalogue<any SourceOptions.Type>(
    "kind of source",
    [
        ProceduralSourceOptions.self,
        CardSourceOptions.self,
        ImagesSourceOptions.self,
        ClassFoldersSourceOptions.self,
        ShardsSourceOptions.self,
        CIFARSourceOptions.self,
        IDXSourceOptions.self,
    ]
) { $0 }
