import Autodiff
import Checkpoints
import EncoderFiles
import ImageMasking
import RandomStreams
import RecipeSchema
import Testing
import VisionTransformers

/// How the rows of a position table are told apart: an exact fit comes before any guess.
struct PositionTests {
    /// A file of an encoder whose table has `rows` rows, counted upwards, and zeros in its registers.
    private func file(rows: Int, registers: Int, classToken: Bool) -> SafetensorsFile {
        let tiny = TinyEncoder {
            $0.options.classToken = classToken
            $0.traits.registers = registers
        }
        var file = tiny.timm
        if registers > 0 {
            file["reg_token"] = StoredTensor([Float](repeating: 0, count: registers * 12), shape: [1, registers, 12])
        }
        file["pos_embed"] = StoredTensor(
            (0..<rows * 12).map { Float($0 / 12) }, shape: [1, rows, 12])
        return file
    }

    /// The first number of each row of the table in use, and of each register.
    private func read(
        rows: Int, registers: Int = 0, classToken: Bool = true, on grid: PatchGrid? = nil, isCanonical: Bool = false,
        config: String? = nil
    ) throws -> (table: [Float], registers: [Float], grid: PatchGrid) {
        let file = EncoderFile(
            file(rows: rows, registers: registers, classToken: classToken), path: "file",
            config: try config.map { try JSONParser.parse($0) })
        let loaded = try file.load(on: grid, withHeads { $0.isCanonical = isCanonical })
        let table = loaded.encoder.positionTable(loaded.parameters)
        let first = { (values: [Float]) in stride(from: 0, to: values.count, by: 12).map { values[$0] } }
        return (first(table.array), first(loaded.parameters["reg_token"]?.array ?? []), loaded.encoder.grid)
    }

    /// 1 + 2 + 24 rows: neither 26 nor 27 is a square, but 25 = 1 + 24 is one.
    @Test func registersOnAGridThatIsNoSquare() throws {
        let grid = PatchGrid(rows: 6, columns: 4)
        let all = try read(rows: 27, registers: 2, on: grid)
        #expect(all.table == [0] + (3..<27).map(Float.init) && all.registers == [1, 2])
        let withoutTheirs = try read(rows: 25, registers: 2, on: grid)
        #expect(withoutTheirs.table == (0..<25).map(Float.init) && withoutTheirs.registers == [0, 0])
        let patches = try read(rows: 24, registers: 2, on: grid)
        #expect(patches.table == [0] + (0..<24).map(Float.init) && patches.registers == [0, 0])
    }

    /// The number of rows is a square or one more, and the fit decides all the same.
    @Test func anExactFitComesBeforeSquares() throws {
        // 25 = 1 + 24 on 6 x 4, not 5 x 5 patches.
        #expect(try read(rows: 25, on: PatchGrid(rows: 6, columns: 4)).table == (0..<25).map(Float.init))
        // 17 = 1 + 16; on 1 + 2 + 14 it has registers' rows.
        let some = try read(rows: 17, registers: 2, on: PatchGrid(rows: 2, columns: 7))
        #expect(some.table == [0] + (3..<17).map(Float.init) && some.registers == [1, 2])
        // 10 = 1 + 9, on 2 x 5 patches without a class row.
        #expect(
            try read(rows: 10, on: PatchGrid(rows: 2, columns: 5)).table == [0] + (0..<10).map(Float.init))
        #expect(
            try read(rows: 10, classToken: false, on: PatchGrid(rows: 2, columns: 5)).table == (0..<10).map(Float.init))
        #expect(
            try read(rows: 25, classToken: false, on: PatchGrid(rows: 6, columns: 4)).table
                == (1..<25).map(Float.init))
    }

    /// A canonical table has the row of a class token, used or not, whatever squares say.
    @Test(arguments: [PatchGrid(rows: 2, columns: 4), PatchGrid(rows: 6, columns: 4), PatchGrid(rows: 3, columns: 5)])
    func canonicalTablesAreNotRearranged(grid: PatchGrid) throws {
        let rows = 1 + grid.count
        let bare = try read(rows: rows, classToken: false, on: grid, isCanonical: true)
        #expect(bare.table == (1..<rows).map(Float.init))
        let full = try read(rows: rows, registers: 2, on: grid, isCanonical: true)
        #expect(full.table == (0..<rows).map(Float.init) && full.registers == [0, 0])
        #expect(sentence { _ = try read(rows: grid.count, on: grid, isCanonical: true) }.contains("position table has"))
    }

    @Test func tablesOfOtherGridsAreGuessedBySquaresAndResized() throws {
        let grid = PatchGrid(rows: 4, columns: 2)
        for (rows, registers) in [(10, 0), (9, 0), (10, 2), (12, 2)] {
            let read = try read(rows: rows, registers: registers, on: grid)
            #expect(read.table.count == 9 && read.registers.count == registers, "\(rows)")
        }
        let loaded = try EncoderFile(file(rows: 10, registers: 0, classToken: true), path: "file")
            .load(on: grid, withHeads())
        #expect(loaded.account.sentence.contains("positions resized from 3x3 to 4x2 patches"))
        #expect(sentence { _ = try read(rows: 8, on: PatchGrid(rows: 2, columns: 2)) }.contains("neither a square"))
    }

    @Test func aGridThatIsSaidComesBeforeGuesses() throws {
        #expect(try read(rows: 25).grid == PatchGrid(rows: 5, columns: 5))
        for config in [
            #"{"image_size": [12, 8]}"#, #"{"model_args": {"img_size": [12, 8]}}"#,
            #"{"pretrained_cfg": {"input_size": [3, 12, 8]}}"#,
        ] {
            let read = try read(rows: 25, config: config)
            #expect(read.grid == PatchGrid(rows: 6, columns: 4) && read.table.first == 0, "\(config)")
        }
        #expect(sentence { _ = try read(rows: 28) }.contains("\"image_size\""))
    }

    @Test func sinesStaySinesOnTheirOwnGridOnly() throws {
        let tiny = TinyEncoder { $0.options.position = .sincos }
        let file = EncoderFile(tiny.own, path: "file")
        #expect(try file.load().encoder.options.position == .sincos)
        let other = try file.load(on: PatchGrid(rows: 5, columns: 2))
        #expect(other.encoder.options.position == .learned && other.parameters["pos_embed"]?.shape == [1, 11, 12])
        // A table that is not that of the sines is used as it stands.
        var changed = tiny.own
        changed["pos_embed"] = StoredTensor([Float](repeating: 7, count: 120), shape: [1, 10, 12])
        let loaded = try EncoderFile(changed, path: "file").load()
        #expect(loaded.parameters["pos_embed"]?.array == [Float](repeating: 7, count: 120))
    }

    @Test func relativePositionsCannotChangeTheirGrid() {
        let file = EncoderFile(TinyEncoder { $0.options.relativePositionBias = .shared }.own, path: "file")
        #expect(
            sentence { _ = try file.load(on: PatchGrid(rows: 2, columns: 2)) }
                .contains("relative positions are those of 3x3 patches"))
    }
}
