import ImageMasking
import PretrainingMethods
import RecipeSchema

/// Which methods take which mask strategies, as a table: what the rules between sections say of each pair.
extension Reference {
    static var pairs: String {
        let strategies = Array(maskingStrategies)
        var text = """
            ## Methods and mask strategies

            A method takes the strategies that hide what it learns from. Where a strategy needs to know how much a patch matters and the
            method does not, a frozen encoder says it (`mask.teacher`).

            """
        text += "\n| method |" + strategies.map { " `\($0.name)` |" }.joined() + "\n| --- |"
        text += strategies.map { _ in " --- |" }.joined() + "\n"
        for method in pretrainingMethods {
            text += "| `\(method.name)` |" + strategies.map { " \(pair(method, $0)) |" }.joined() + "\n"
        }
        return text + "\n"
    }

    private static func pair(
        _ method: any PretrainingOptions.Type, _ strategy: any MaskingStrategy.Type
    ) -> String {
        let needs = method.init().needs
        guard method.masks.contains(strategy.kind) else { return "–" }
        guard needs.masks.contains(strategy.kind) else { return "by its options" }
        if strategy.needsImportance && !needs.providesImportance { return "with a teacher" }
        let predicted = method.recipeDefaults.first { $0.path == "mask.predicted_ratio" }?.value
        if predicted != nil, strategy.init().hiddenShare(on: PatchGrid(rows: 8, columns: 8)) == nil {
            return "with `predicted_ratio` null"
        }
        return "yes"
    }
}
