import Autodiff
import Checkpoints
import ImageMasking
import VisionTransformers

/// The rows of a position table, told apart: class token, registers, patches.
struct PositionRows {
    /// The row of the class token, if the table has one.
    private(set) var classRow: [Float]?
    /// The rows of registers, if the table has them.
    private(set) var registerRows: [Float]?
    /// The rows of the patches, in raster order.
    private(set) var patches: [Float]
    /// The grid of the patches.
    private(set) var grid: PatchGrid
    private let width: Int

    /// What is known of the encoder that a table belongs to.
    struct Context {
        /// Whether it has a class token.
        var hasClassToken: Bool
        /// Its registers.
        var registers: Int
        /// Whether the table has a row for the class token in any case, and none for registers.
        var isCanonical = false
        /// The grid that the file itself says.
        var known: PatchGrid?
        /// The grid that is asked for.
        var wanted: PatchGrid?
    }

    /// The rows of a table `[1, rows, D]`; nil where no reading of it fits.
    ///
    /// A table that fits the known or the wanted grid exactly is read so; squares are guessed for the others only.
    init?(_ table: Tensor, _ context: Context) {
        let rows = table.shape[1]
        for grid in [context.known, context.wanted] {
            guard let grid, let reading = context.readings.first(where: { rows - $0.count == grid.count }) else {
                continue
            }
            self.init(table, reading, grid)
            return
        }
        for reading in context.readings {
            guard let side = Self.side(rows - reading.count) else { continue }
            self.init(table, reading, PatchGrid(rows: side, columns: side))
            return
        }
        return nil
    }

    private init(_ table: Tensor, _ reading: Reading, _ grid: PatchGrid) {
        width = table.shape[2]
        self.grid = grid
        let values = table.array
        let afterClass = reading.classRows * width
        let afterRegisters = reading.count * width
        classRow = reading.classRows > 0 ? Array(values[..<afterClass]) : nil
        registerRows = reading.registers > 0 ? Array(values[afterClass..<afterRegisters]) : nil
        patches = Array(values[afterRegisters...])
    }

    /// The table of an encoder on a grid, `[1, 1 + grid.count, D]`, or without the first row.
    func table(on other: PatchGrid, hasClassToken: Bool) -> Tensor {
        let resized =
            other == grid
            ? patches : PositionTable.resized(patches, width: width, from: grid, to: other, prefix: 0)
        guard hasClassToken else { return Tensor(resized, [1, other.count, width]) }
        return Tensor(
            (classRow ?? [Float](repeating: 0, count: width)) + resized, [1, 1 + other.count, width])
    }

    /// What `table` makes other than the file has it, for an account.
    func changes(on other: PatchGrid, hasClassToken: Bool) -> [String] {
        var changes: [String] = []
        if other != grid { changes.append("positions resized from \(grid) to \(other) patches") }
        if classRow != nil && !hasClassToken { changes.append("the position of a class token is not used") }
        if registerRows != nil { changes.append("positions of registers added to the registers") }
        return changes
    }

    /// Whether the table is that of sines and cosines of its grid, as near as half precision comes.
    func isSines(_ order: PositionOrder) -> Bool {
        guard width % 4 == 0 else { return false }
        let sines = PositionTable.sincos(grid: grid, width: width, order: order, prefix: 0)
        return zip(patches, sines).allSatisfy { abs($0 - $1) < 0.01 } && (classRow ?? []).allSatisfy { abs($0) < 0.01 }
    }

    /// The side of a square number of patches.
    private static func side(_ count: Int) -> Int? {
        guard count > 0 else { return nil }
        let side = Int(Double(count).squareRoot().rounded())
        return side * side == count ? side : nil
    }
}

extension PositionRows {
    /// Rows in front of those of the patches.
    fileprivate struct Reading {
        var classRows: Int
        var registers: Int
        var count: Int { classRows + registers }
    }
}

extension PositionRows.Context {
    /// What may stand in front of the patches, the likeliest first.
    fileprivate var readings: [PositionRows.Reading] {
        let withClass = PositionRows.Reading(classRows: 1, registers: 0)
        if isCanonical { return [withClass] }
        let bare = PositionRows.Reading(classRows: 0, registers: 0)
        var readings = hasClassToken ? [withClass, bare] : [bare]
        if registers > 0 { readings.append(.init(classRows: hasClassToken ? 1 : 0, registers: registers)) }
        if !hasClassToken { readings.append(withClass) }
        return readings
    }
}
