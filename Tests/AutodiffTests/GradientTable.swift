/// Every primitive with shapes that are odd, empty, of size one, and not a multiple of any vector.
let gradientTable: [GradientCase] =
    productCases + attentionCases + normalizationCases + elementCases + arithmeticCases + reductionCases + rowCases
    + patchCases + lossCases
