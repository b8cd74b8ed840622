import Palimpsest

/// Hides every second column of patches, the odd or the even ones by chance.
struct ColumnMasking: MaskingStrategy {
    static let name = "columns"
    static let fields: [Field<Self>] = []

    func plan(_ request: MaskRequest, random: RandomStream) throws(MaskingError) -> MaskPlan {
        let grid = request.grid
        let orders = request.samples.map { sample -> [Int32] in
            var stream = request.stream(of: sample, random)
            let parity = Int32(stream.next() & 1)
            let columns = Int32(grid.columns)
            let all = 0..<Int32(grid.count)
            return all.filter { $0 % columns % 2 == parity } + all.filter { $0 % columns % 2 != parity }
        }
        return .patches(PatchMask(grid: grid, orders: orders, visibleCount: grid.count / 2))
    }
}

/// Trains a small MAE under a strategy of one's own, into `OwnStrategy FOLDER`; recipes and files may name it from then on.
@main
enum OwnStrategy {
    static func main() throws {
        try maskingStrategies.register(ColumnMasking.self)
        var recipe = Recipe()
        recipe.name = "columns"
        recipe.mask = ColumnMasking()
        recipe.model.depth = 2
        recipe.train.batchSize = 32
        recipe.train.maxSteps = 20
        let folder = CommandLine.arguments.dropFirst().first ?? "runs/columns"
        print(try TrainingJob.run(recipe, in: folder, log: RunLog { _, sentence in print(sentence) }))
    }
}
