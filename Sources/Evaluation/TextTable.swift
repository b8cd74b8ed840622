/// Tables for terminals: columns as wide as their widest cell, the first to the left, the others to the right.
enum TextTable {
    /// A line a row; rows have as many cells as the first, or fewer.
    static func lines(_ cells: [[String]]) -> [String] {
        let widths = (cells.first ?? []).indices.map { column in
            cells.map { $0.indices.contains(column) ? $0[column].count : 0 }.max() ?? 0
        }
        return cells.map { row in
            zip(row, widths).enumerated().map { column, cell in
                let padding = String(repeating: " ", count: cell.1 - cell.0.count)
                return column == 0 ? cell.0 + padding : padding + cell.0
            }.joined(separator: "  ")
        }
    }
}
