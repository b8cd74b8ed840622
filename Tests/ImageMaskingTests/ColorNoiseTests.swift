import ImageMasking
import RecipeSchema
import Testing

struct ColorNoiseTests {
    /// The filter written as its definition: rows, then columns, periodic, `passes` times over.
    private func reference(_ tile: [Double], side: Int, _ filter: NoiseFilter) -> [Double] {
        func blurred(_ field: [Double], _ sigma: Double) -> [Double] {
            let kernel = gaussianKernel(sigma)
            let radius = kernel.count / 2
            func pass(_ field: [Double], _ step: (Int, Int, Int) -> Int) -> [Double] {
                (0..<side * side).map { i in
                    (-radius...radius).reduce(0) { $0 + kernel[$1 + radius] * field[step(i / side, i % side, $1)] }
                }
            }
            func wrapped(_ i: Int) -> Int { ((i % side) + side) % side }
            let rows = pass(field) { r, c, k in r * side + wrapped(c + k) }
            return pass(rows) { r, c, k in wrapped(r + k) * side + c }
        }
        return (0..<filter.passes).reduce(tile) { field, _ in
            let low = blurred(field, filter.sigmaLow)
            let high = blurred(field, filter.sigmaHigh)
            return field.indices.map { i in
                switch filter.color {
                case .white: field[i]
                case .red: low[i]
                case .blue: field[i] - low[i]
                case .green: low[i] - high[i]
                case .purple: field[i] - (low[i] - high[i])
                }
            }
        }
    }

    @Test(arguments: NoiseColor.allCases, [NoisePreset.figure, .single])
    func windowsEqualTheFilterAppliedStepByStep(color: NoiseColor, preset: NoisePreset) throws {
        // 13 is odd and shorter than the wide kernels, so that indices wrap more than once.
        let side = 13
        let filter = NoiseFilter(color: color, preset: preset)
        var stream = RandomStream(seed: 3)
        let tile = (0..<side * side).map { _ in Float(stream.normal()) }
        let expected = reference(tile.map { Double($0) }, side: side, filter)
        let largest = expected.map { abs($0) }.max() ?? 0
        let grid = PatchGrid(rows: 6, columns: 5)
        let window = try PeriodicFilter(filter, side: side).window(of: tile, row: 9, column: 11, grid: grid)
        for (cell, value) in window.enumerated() {
            let r = (9 + cell / 5) % side
            let c = (11 + cell % 5) % side
            #expect(abs(Double(value) - expected[r * side + c]) < 1e-6 * largest)
        }
    }

    @Test func whatNoFilterCanHaveIsRefused() throws {
        for width in [0, -1, 1e300, Double.nan, .infinity] {
            let filter = NoiseFilter(color: .red, sigmaLow: width)
            #expect(throws: MaskingError.self) { try PeriodicFilter(filter, side: 8) }
            var strategy = ColorNoiseMasking()
            (strategy.color, strategy.sigma) = (.red, width)
            let request = MaskRequest(grid: PatchGrid(rows: 4, columns: 4), samples: [0])
            #expect(throws: MaskingError.self) { try strategy.plan(request, random: RandomStream(seed: 0)) }
        }
        let filter = NoiseFilter(color: .red, sigmaLow: 2)
        for side in [0, -1, 1025] { #expect(throws: MaskingError.self) { try PeriodicFilter(filter, side: side) } }
        // A width whose square is zero in double precision is that of no blur at all.
        let sharp = try PeriodicFilter(NoiseFilter(color: .red, sigmaLow: 1e-200), side: 8)
        #expect(sharp.response.allSatisfy { abs($0 - 1) < 1e-15 })
        #expect(throws: MaskingError.self) {
            try PeriodicFilter(NoiseFilter(color: .blue, sigmaLow: 2, passes: -1), side: 8)
        }
    }

    @Test func aBankRepeatsItsTilesAndSharesAWindowWithinARun() throws {
        var strategy = ColorNoiseMasking()
        strategy.form = .bank
        strategy.bank = 2
        strategy.tile = 24
        let request = MaskRequest(grid: PatchGrid(rows: 5, columns: 4), samples: Array(0..<6), step: 3)
        let plan = try strategy.plan(request, random: RandomStream(seed: 1))
        // Sample numbers and epochs play no part: the place in the batch does.
        var other = request
        other.samples = Array(10..<16)
        other.epoch = 7
        #expect(try strategy.plan(other, random: RandomStream(seed: 1)) == plan)
        let patches: PatchMask? = if case .patches(let mask) = plan { mask } else { nil }
        let mask = try #require(patches, "the plan is one of \(plan.kind)")
        // Two tiles serve six images, but each run over them has a window of its own.
        let orders = (0..<6).map { image in Array(mask.order[20 * image..<20 * image + 20]) }
        #expect(Set(orders).count == 6)
    }

    @Test func flipsFollowTheCut() {
        let grid = PatchGrid(rows: 2, columns: 2)
        let window = NoiseWindow(row: 1, column: 0, flipsColumns: true, flipsRows: true)
        #expect(window.cut(from: [0, 1, 2, 3, 4, 5, 6, 7, 8], side: 3, grid: grid) == [7, 6, 4, 3])
    }

    @Test func schedulesSayTheColourOfAnEpoch() throws {
        var problems: [Problem] = []
        let json = try JSONParser.parse("{\"epoch_5\": \"blue\", \"begin\": \"green\", \"epoch_9\": \"red\"}")
        let schedule = try #require(ColorSchedule.decode(json, at: "$", &problems))
        #expect([0, 4, 5, 8, 9, 100].map { schedule.color(at: $0) } == [.green, .green, .blue, .blue, .red, .red])
        _ = ColorSchedule.decode(try JSONParser.parse("{\"epoch_0\": \"red\", \"x\": 1}"), at: "$", &problems)
        #expect(problems.count == 3)
    }

    @Test(arguments: [
        ("{\"strategy\": \"color\", \"color\": \"red\", \"sigma_low\": 1}", "belong to green and purple"),
        ("{\"strategy\": \"color\", \"sigma\": 1}", "belongs to red and blue"),
        ("{\"strategy\": \"color\", \"sigma_low\": 3}", "must be below"),
        ("{\"strategy\": \"color\", \"bank\": 3}", "needs \"form\": \"bank\""),
        ("{\"strategy\": \"color\", \"schedule\": {\"begin\": \"red\"}, \"sigma\": 2}", "remove the widths"),
    ])
    func optionsThatDoNotApplyAreRefused(text: String, expected: String) throws {
        var problems: [Problem] = []
        let json = try JSONParser.parse(text.replacing("\"strategy\": \"color\", ", with: ""))
        _ = ColorNoiseMasking.decode(json, at: "$.mask", &problems)
        #expect(problems.contains { $0.message.contains(expected) }, "\(problems)")
    }
}
