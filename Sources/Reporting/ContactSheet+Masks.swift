extension ContactSheet.Picture {
    /// A mask as a picture of one pixel a cell: visible cells light, hidden ones dark, cells of targets in colour.
    ///
    /// A cell in several targets has their mixture, one that is visible too a paler one.
    public init(rows: Int, columns: Int, visible: some Sequence<Int>, targets: [[Int]] = []) {
        // Light enough to read as seen, dark enough to stand out from the white between the masks.
        let (light, dark): (Float, Float) = (0.82, 0.22)
        var samples = [Float](repeating: dark, count: 3 * rows * columns)
        for cell in visible {
            for channel in 0..<3 { samples[3 * cell + channel] = light }
        }
        var owners = [[Int]](repeating: [], count: rows * columns)
        for (target, cells) in targets.enumerated() {
            for cell in cells { owners[cell].append(target) }
        }
        for (cell, targets) in owners.enumerated() where !targets.isEmpty {
            let isVisible = samples[3 * cell] == light
            for channel in 0..<3 {
                let sum = targets.reduce(0) { $0 + Self.hues[$1 % Self.hues.count][channel] }
                let mixture = sum / Float(targets.count)
                samples[3 * cell + channel] = isVisible ? (mixture + light) / 2 : mixture
            }
        }
        self.init(height: rows, width: columns, samples: samples)
    }

    /// Colours that stay apart for people who see fewer of them (Okabe and Ito).
    private static let hues: [[Float]] = [
        [0.90, 0.62, 0.00], [0.34, 0.71, 0.91], [0.00, 0.62, 0.45], [0.80, 0.47, 0.65], [0.94, 0.89, 0.26],
        [0.84, 0.37, 0.00], [0.00, 0.45, 0.70],
    ]
}

extension ContactSheet {
    /// A sheet of masks of one size, eight a row, small ones enlarged.
    public init(masks: [Picture]) {
        let cells = max(masks.first?.height ?? 1, masks.first?.width ?? 1)
        self.init(rows: masks.inRows(of: 8), scale: max(1, 96 / cells))
    }
}
