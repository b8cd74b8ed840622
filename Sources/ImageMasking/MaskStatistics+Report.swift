public import RecipeSchema

extension MaskStatistics {
    /// The share of masks in which each cell was visible, `[grid.count]`.
    public var visibleShares: [Double] { shares(visibleTimes, of: maskCount) }

    /// The share of images in which each cell was in a target, `[grid.count]`.
    public var targetShares: [Double] { shares(targetTimes, of: imageCount) }

    /// Visible cells of a mask, on average.
    public var meanVisible: Double { mean(visibleTimes.reduce(0, +)) }

    /// A sum over masks, for one mask.
    public func mean(_ sum: Int) -> Double { Double(sum) / Double(max(maskCount, 1)) }

    private func shares(_ times: [Int], of count: Int) -> [Double] { times.map { Double($0) / Double(max(count, 1)) } }

    /// The figures as a JSON object; tables of cells are lists of rows.
    public var row: JSONValue {
        func table(_ values: [Double]) -> JSONValue {
            JSONValue(
                (0..<grid.rows).map { row in
                    JSONValue(values[row * grid.columns..<(row + 1) * grid.columns].map { JSONValue($0) })
                })
        }
        var members: [(String, JSONValue)] = [
            ("grid", JSONValue([JSONValue(grid.rows), JSONValue(grid.columns)])),
            ("images", JSONValue(imageCount)), ("masks", JSONValue(maskCount)),
            ("visible", JSONValue(meanVisible)),
            ("visible_least", JSONValue(visibleCounts?.lowerBound ?? 0)),
            ("visible_most", JSONValue(visibleCounts?.upperBound ?? 0)),
            ("adjacent_pairs", JSONValue(mean(adjacentPairs))), ("diagonal_pairs", JSONValue(mean(diagonalPairs))),
            ("components", JSONValue(mean(components))), ("largest_component", JSONValue(mean(largestComponent))),
            ("visible_share", table(visibleShares)),
        ]
        if !filters.isEmpty {
            members.append(
                ("filters", .object(filters.sorted { $0.key < $1.key }.map { ("\($0.key)", JSONValue($0.value)) })))
        }
        if targetCount > 0 {
            members += [
                ("targets", JSONValue(targetCount)), ("target_share", table(targetShares)),
                ("target_blocks", Self.counts(targetBlocks)), ("context_blocks", Self.counts(contextBlocks)),
                ("fallbacks", JSONValue(fallbackCount)),
            ]
        }
        return .object(members)
    }

    private static func counts(_ blocks: [BlockSize: Int]) -> JSONValue {
        .object(blocks.sorted { $0.key < $1.key }.map { ("\($0.key)", JSONValue($0.value)) })
    }
}
