extension Tape {
    /// x / √(mean(x²) + epsilon) over the last axis, times `weight` `[D]`; no mean is subtracted (Zhang and Sennrich,
    /// arXiv 1910.07467).
    ///
    /// With r = 1/√(mean(x²) + epsilon) and g = weight∘dy:
    ///
    ///     dx = r·g − x·r³·mean(g∘x)    dweight = Σ rows dy∘x·r
    public mutating func rmsNorm(_ x: Variable, weight: Variable? = nil, epsilon: Float = 1e-5) -> Variable {
        require(x.shape.rank > 0, "rmsNorm: a number has no rows")
        let (rows, columns) = (x.shape.rows, x.shape.columns)
        require(
            weight.map { $0.value.count == columns } ?? true,
            "rmsNorm: weight of shape \(weight?.shape ?? []) for \(x.shape)")
        let y = engine.tensor(x.shape)
        let inverses = engine.tensor([max(rows, 1)])
        let input = UnsafePointer(x.value.pointer)
        let scale = weight.map { UnsafePointer($0.value.pointer) }
        forEachBlock(of: rows, on: engine) { block in
            for row in block {
                let values = input + row * columns
                let squares = dotProduct(values, values, columns)
                let inverse = 1 / (squares / Float(columns) + epsilon).squareRoot()
                inverses.pointer[row] = inverse
                let result = y.pointer + row * columns
                if let scale {
                    for column in 0..<columns { result[column] = values[column] * inverse * scale[column] }
                } else {
                    for column in 0..<columns { result[column] = values[column] * inverse }
                }
            }
        }
        withExtendedLifetime((x.value, weight?.value)) {}
        guard x.needsGradient || weight?.needsGradient == true else { return constant(y) }

        return record(.rmsNorm, y) { gradient, walk in
            let engine = walk.engine
            let blocks = rowBlocks(rows)
            // Each block of rows has sums of its own, added in their order: the same bits on any number of threads.
            let partial = weight?.needsGradient == true ? engine.zeros([max(blocks.count, 1), columns]) : nil
            func backward(_ dx: UnsafeMutablePointer<Float>?, _ add: Bool) {
                let input = UnsafePointer(x.value.pointer)
                let scale = weight.map { UnsafePointer($0.value.pointer) }
                engine.forEach(blocks.count) { number in
                    let sums = partial.map { $0.pointer + number * columns }
                    for row in blocks[number] {
                        let (values, dy) = (input + row * columns, UnsafePointer(gradient.pointer) + row * columns)
                        let inverse = inverses.pointer[row]
                        if let sums {
                            for column in 0..<columns { sums[column] += dy[column] * values[column] * inverse }
                        }
                        guard let dx else { continue }
                        let product =
                            scale.map { dotProduct(dy, values, $0, columns) } ?? dotProduct(dy, values, columns)
                        let factor = product / Float(columns) * inverse * inverse * inverse
                        let target = dx + row * columns
                        for column in 0..<columns {
                            let own = dy[column] * (scale.map { $0[column] } ?? 1) * inverse - values[column] * factor
                            target[column] = add ? target[column] + own : own
                        }
                    }
                }
                withExtendedLifetime((x.value, weight?.value, gradient)) {}
            }
            if x.needsGradient {
                walk.accumulate(into: x.slot, count: x.value.count) { backward($0, $1) }
            } else {
                backward(nil, false)
            }
            if let weight, let partial { walk.addRowSums(partial, to: weight) }
        }
    }
}

/// Sixteen blocks of rows at most, cut by their number alone.
func rowBlocks(_ rows: Int) -> [Range<Int>] {
    let size = max(1, (rows + 15) / 16)
    return stride(from: 0, to: rows, by: size).map { $0..<min($0 + size, rows) }
}

/// Calls `body` for each block of rows on the engine's threads.
func forEachBlock(of rows: Int, on engine: Engine, _ body: (Range<Int>) -> Void) {
    let blocks = rowBlocks(rows)
    engine.forEach(blocks.count) { body(blocks[$0]) }
}

/// Σ a·b in eight sums, added in one order.
private func dotProduct(_ a: UnsafePointer<Float>, _ b: UnsafePointer<Float>, _ count: Int) -> Float {
    var sums = SIMD8<Float>(repeating: 0)
    let whole = count / 8 * 8
    for start in stride(from: 0, to: whole, by: 8) { sums += lanes(a, start) * lanes(b, start) }
    return (whole..<count).reduce(sums.sum()) { $0 + a[$1] * b[$1] }
}

/// Σ a·b·c, likewise.
private func dotProduct(
    _ a: UnsafePointer<Float>, _ b: UnsafePointer<Float>, _ c: UnsafePointer<Float>, _ count: Int
) -> Float {
    var sums = SIMD8<Float>(repeating: 0)
    let whole = count / 8 * 8
    for start in stride(from: 0, to: whole, by: 8) { sums += lanes(a, start) * lanes(b, start) * lanes(c, start) }
    return (whole..<count).reduce(sums.sum()) { $0 + a[$1] * b[$1] * c[$1] }
}

@inline(__always)
private func lanes(_ values: UnsafePointer<Float>, _ start: Int) -> SIMD8<Float> {
    UnsafeRawPointer(values + start).loadUnaligned(as: SIMD8<Float>.self)
}
