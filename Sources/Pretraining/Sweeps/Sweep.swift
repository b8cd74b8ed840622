import Checkpoints
import ContentDigests
import Foundation
import RecipeSchema

/// Runs of one recipe over a grid of values, each with some seeds.
public struct Sweep: Sendable {
    /// One run of the sweep.
    public struct Member: Sendable, Equatable {
        /// The name of its folder: the values that it has, such as `ratio-0.5_seed-1`.
        public var name: String
        /// What `--set` makes of the recipe for it.
        public var changes: [String]
    }

    /// Most runs of a sweep.
    public static let most = 10_000

    /// The runs, the last key and the seeds varying fastest.
    public let members: [Member]
    /// The recipes of the runs.
    public let recipes: [Recipe]

    /// The runs of a recipe's file with some changes over a grid: `KEY=VALUE,VALUE,…` each. Lists and objects are values when
    /// they are JSON. Throws where a grid cannot be read, or a recipe of it has faults: all of them are read first.
    public init(recipe file: String, set changes: [String], grid: [String], seeds: Int) throws {
        var combinations: [(names: [String], changes: [String])] = [([], [])]
        var keys: Set<String> = []
        for axis in grid {
            let (key, values) = try Self.axis(axis)
            guard keys.insert(key).inserted else {
                throw RunError(.usage, "--grid \(key) is given twice; list all its values in one: \(key)=A,B,C")
            }
            let stem = key.split(separator: ".").last.map(String.init) ?? key
            combinations = combinations.flatMap { combination in
                values.map { value in
                    (combination.names + ["\(stem)-\(value)"], combination.changes + ["\(key)=\(value)"])
                }
            }
            guard combinations.count * seeds <= Self.most else {
                throw RunError(
                    .usage, "the grid has \(combinations.count * seeds) runs or more; at most \(Self.most) are allowed")
            }
        }
        var members: [Member] = []
        var recipes: [Recipe] = []
        let first = try RecipeLibrary.read(file, set: changes).seed
        for combination in combinations {
            for number in 0..<seeds {
                let seed = first + number
                let own = changes + combination.changes + ["seed=\(seed)"]
                recipes.append(try RecipeLibrary.read(file, set: own))
                members.append(Member(name: Self.folderName(combination.names + ["seed-\(seed)"]), changes: own))
            }
        }
        // Values that differ only in signs that no folder's name has are told apart by their number.
        for place in members.indices where members.firstIndex(where: { $0.name == members[place].name }) != place {
            members[place].name += "_\(place)"
        }
        self.members = members
        self.recipes = recipes
    }

    /// A key and its values; commas inside of brackets and quotation marks belong to a value.
    private static func axis(_ text: String) throws(RunError) -> (key: String, values: [String]) {
        guard let equals = text.firstIndex(of: "="), equals > text.startIndex else {
            throw RunError(.usage, "--grid \(text.shown): expected KEY=VALUE,VALUE, such as mask.ratio=0.5,0.75")
        }
        var (values, value, depth, isQuoted): ([String], String, Int, Bool) = ([], "", 0, false)
        for character in text[text.index(after: equals)...] {
            if character == "\"" { isQuoted.toggle() }
            if !isQuoted, "[{".contains(character) { depth += 1 }
            if !isQuoted, "]}".contains(character) { depth -= 1 }
            if character == ",", depth == 0, !isQuoted {
                values.append(value)
                value = ""
            } else {
                value.append(character)
            }
        }
        values.append(value)
        let key = String(text[..<equals])
        guard !values.contains("") else {
            throw RunError(.usage, "--grid \(text.shown): a value is empty; write KEY=VALUE,VALUE without blanks")
        }
        if let twice = values.first(where: { value in values.count { $0 == value } > 1 }) {
            throw RunError(.usage, "--grid \(key.shown): the value \(twice.shown) is given twice")
        }
        guard key != "seed" else {
            throw RunError(
                .usage, "--grid seed: the number of seeds is given by --seeds, such as --seeds \(values.count)")
        }
        return (key, values)
    }

    /// Names of values as a folder's name can have them.
    private static func folderName(_ names: [String]) -> String {
        let name = names.joined(separator: "_")
        let kept = String(
            name.map { $0.isASCII && ($0.isLetter || $0.isNumber || "-_.".contains($0)) ? $0 : "-" }.prefix(120))
        return kept.hasPrefix(".") ? "run" + kept : kept
    }

    /// The digest of all recipes: equal digests mean equal sweeps.
    public var digest: String {
        SHA256.hexadecimal(of: Array(recipes.map(\.digest).joined(separator: "\n").utf8))
    }
}
