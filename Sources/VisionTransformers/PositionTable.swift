import Foundation
public import ImageMasking

/// Tables of token positions.
public enum PositionTable {
    /// The sine-cosine table of a grid, `[prefix + grid.count, width]`, row by row.
    ///
    /// With n = width/4 and ω_k = 10000^(−k/n), a coordinate t fills width/2 numbers: sin(t ω_0) … sin(t ω_{n−1}), then the
    /// cosines (MAE, `pos_embed.py`). `prefix` zero rows stand in front for class tokens. Computed in double precision.
    public static func sincos(grid: PatchGrid, width: Int, order: PositionOrder, prefix: Int) -> [Float] {
        let quarter = width / 4
        let frequencies = (0..<quarter).map { pow(10_000, -Double($0) / Double(quarter)) }
        func half(_ coordinate: Int) -> [Float] {
            let angles = frequencies.map { Double(coordinate) * $0 }
            return angles.map { Float(sin($0)) } + angles.map { Float(cos($0)) }
        }
        var table = [Float](repeating: 0, count: prefix * width)
        for row in 0..<grid.rows {
            for column in 0..<grid.columns {
                switch order {
                case .columnFirst: table += half(column) + half(row)
                case .rowFirst: table += half(row) + half(column)
                }
            }
        }
        return table
    }

    /// A learned table resampled for another grid: cubic convolution with a = −0.75 on half-pixel centres, borders clamped, no
    /// antialiasing; the `prefix` rows in front are kept (MAE, `interpolate_pos_embed`).
    public static func resized(
        _ table: [Float], width: Int, from old: PatchGrid, to new: PatchGrid, prefix: Int
    ) -> [Float] {
        precondition(
            table.count == (prefix + old.count) * width,
            "a table of \(table.count) numbers for \(prefix) + \(old) tokens of width \(width)")
        let rows = ResizeMatrix.taps(from: old.rows, to: new.rows)
        let columns = ResizeMatrix.taps(from: old.columns, to: new.columns)
        var result = Array(table.prefix(prefix * width))
        for row in rows {
            for column in columns {
                for d in 0..<width {
                    var sum = 0.0
                    for (i, rowWeight) in row {
                        for (j, columnWeight) in column {
                            let value = table[(prefix + i * old.columns + j) * width + d]
                            sum += rowWeight * columnWeight * Double(value)
                        }
                    }
                    result.append(Float(sum))
                }
            }
        }
        return result
    }
}
