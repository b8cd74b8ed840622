public import ImageMasking

extension EncoderOptions {
    /// How many parameters an encoder for a grid has, about: embedding, positions, blocks, final norm. A double, because a recipe
    /// may ask for more than an integer holds.
    public func parameterCount(grid: PatchGrid) -> Double {
        let w = Double(width)
        let embedding = w * (patchNumbers + 1)
        let tokens = Double(grid.count) + 1
        let learned = position == .learned ? tokens * w : 0
        let offsets = (2 * Double(grid.rows) - 1) * (2 * Double(grid.columns) - 1) + 3
        let tables: Double
        switch relativePositionBias {
        case .none: tables = 0
        case .shared: tables = offsets * Double(heads)
        case .perBlock: tables = offsets * Double(heads) * Double(depth)
        }
        return embedding + learned + tables + blockParameterCount(width: width, depth: depth) + 3 * w
    }

    /// How many parameters blocks of a width have that are otherwise like the encoder's, about.
    public func blockParameterCount(width: Int, depth: Int) -> Double {
        let w = Double(width)
        return Double(depth) * (4 * w * w + 2 * w * w * mlpRatio + (9 + mlpRatio) * w)
    }

    /// Numbers of a patch.
    private var patchNumbers: Double { Double(channels) * Double(patchSize) * Double(patchSize) }

    /// Why no machine holds the encoder: more than `limit` parameters, or tables of more than 2³⁰ numbers.
    public func sizeFault(on grid: PatchGrid, limit: Int) -> String? {
        let count = parameterCount(grid: grid)
        if count > Double(limit) {
            return
                "width \(width), depth \(depth), mlp_ratio \(mlpRatio) and patch_size \(patchSize) make about "
                + "\(Self.spoken(count)) parameters, allowed are up to \(limit); lower width or depth"
        }
        if let reason = tableFault(width, on: grid, of: "") { return reason }
        let pairs = Double(grid.count + 1) * Double(grid.count + 1)
        if relativePositionBias != .none, pairs > Double(Self.mostTableNumbers) {
            return
                "relative_position_bias needs a number for each pair of \(grid.count) patches, more than "
                + "\(Self.mostTableNumbers); set it to \"none\" or raise patch_size"
        }
        return nil
    }

    /// Why a decoder or predictor of a width is too large to be held beside an encoder of these options; `part` prefixes its
    /// keys, such as `"decoder_"`. `outputs` are the numbers that it says of a patch.
    public func partFault(width: Int, depth: Int, on grid: PatchGrid, of part: String) -> String? {
        let count =
            blockParameterCount(width: width, depth: depth) + Double(width) * (patchNumbers + Double(self.width))
        if count > Double(Self.mostPartParameters) {
            return
                "\(part)width \(width) and \(part)depth \(depth) make about \(Self.spoken(count)) parameters, allowed are "
                + "up to \(Self.mostPartParameters); lower \(part)width or \(part)depth"
        }
        return tableFault(width, on: grid, of: part)
    }

    private static let mostPartParameters = 1 << 36
    private static let mostTableNumbers = 1 << 30

    private func tableFault(_ width: Int, on grid: PatchGrid, of part: String) -> String? {
        let numbers = (grid.count + 1) * width
        guard numbers > Self.mostTableNumbers else { return nil }
        return
            "\(part)width \(width) on \(grid.count) patches makes \(numbers) numbers a picture, allowed are up to "
            + "\(Self.mostTableNumbers); lower \(part)width or raise model.patch_size"
    }

    private static func spoken(_ count: Double) -> String {
        count < 1e15 ? "\(Int(count))" : "\(count)"
    }
}
