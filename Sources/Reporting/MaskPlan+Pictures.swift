public import ImageMasking

extension MaskPlan {
    /// A picture of each image's mask; of each of its contexts, where it has several. Masks of frequencies are drawn as the
    /// spectrum of an image of a size in pixels, the zero frequency in the middle.
    public func pictures(height: Int, width: Int) -> [ContactSheet.Picture] {
        switch self {
        case .nothing: []
        case .frequencies(let mask):
            mask.lowPass.map { isLow in
                let low = FrequencyMask.lowPassKeeps(
                    height: height, width: width, radius: mask.radius, outerRadius: mask.outerRadius)
                return ContactSheet.Picture(
                    rows: height, columns: width, visible: low.indices.filter { low[$0] == isLow })
            }
        case .patches(let mask):
            (0..<mask.imageCount).map { image in
                ContactSheet.Picture(
                    rows: mask.grid.rows, columns: mask.grid.columns, visible: mask.visible(image).map { Int($0) },
                    targets: showsTargets ? [mask.predicted(image).map { Int($0) }] : [])
            }
        case .blocks(let mask):
            (0..<mask.imageCount).flatMap { image in
                mask.contexts.map { context in
                    ContactSheet.Picture(
                        rows: mask.grid.rows, columns: mask.grid.columns, visible: context[image].map { Int($0) },
                        targets: mask.targets.map { $0[image].map { Int($0) } })
                }
            }
        }
    }

    /// Whether the pictures colour what is to be predicted: where that is not all that is hidden.
    public var showsTargets: Bool {
        switch self {
        case .patches(let mask): mask.predictedCount < mask.grid.count - mask.visibleCount
        case .blocks: true
        case .frequencies, .nothing: false
        }
    }
}
