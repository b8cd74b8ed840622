public import Autodiff
public import RecipeSchema

/// How the teacher's tokens are normalised before they are compared.
public enum TargetNorm: String, RecipeEnum {
    /// Not at all.
    case none
    /// Divided by their length.
    case l2
    /// To mean 0 and deviation 1 over their channels, nothing learnt.
    case whiten
    /// By one mean and one deviation of the whole batch.
    case bn

    /// The normalised tokens of one block of the teacher, `[B, N, D]`.
    public func callAsFunction(_ tokens: Tensor, engine: Engine) -> Tensor {
        var tape = Tape(engine: engine, recording: false)
        switch self {
        case .none: return tokens
        case .l2: return tape.normalizeRows(tape.constant(tokens), epsilon: 1e-12).value
        case .whiten: return tape.layerNorm(tape.constant(tokens), epsilon: 1e-5).value
        case .bn: return Self.standardized(tokens)
        }
    }

    /// (y − mean)/√(variance + 1e-6) with the unbiased variance of all numbers.
    private static func standardized(_ tokens: Tensor) -> Tensor {
        var result = tokens
        result.withUnsafeMutableBuffer { values in
            let count = Double(values.count)
            let mean = values.reduce(0.0) { $0 + Double($1) } / count
            let squares = values.reduce(0.0) { $0 + (Double($1) - mean) * (Double($1) - mean) }
            let deviation = (squares / max(1, count - 1) + 1e-6).squareRoot()
            for index in values.indices { values[index] = Float((Double(values[index]) - mean) / deviation) }
        }
        return result
    }
}

/// How far predictions are from targets: means over all numbers.
public enum AlignmentLoss: String, RecipeEnum {
    /// The squared difference.
    case l2
    /// The absolute difference.
    case l1
    /// d² below 1, 2|d| − 1 above: twice the smooth L1 distance, as the official code has it.
    case smoothL1 = "smoothl1"

    /// The distance of a prediction and a target of the same shape, a scalar.
    public func callAsFunction(_ prediction: Variable, target: Tensor, on tape: inout Tape) -> Variable {
        switch self {
        case .l2: tape.meanSquared(prediction, target: target)
        case .l1: tape.l1(prediction, target: target)
        case .smoothL1: tape.scale(tape.smoothL1(prediction, target: target), by: 2)
        }
    }
}

/// How much each block of the teacher counts; in a recipe `"mean"`, `"out"`, `"linear_decay"`, `"top5"`, `"mid3"`.
public enum LossLayers: BoundedValue, Equatable {
    /// All alike.
    case mean
    /// The last alone.
    case out
    /// In proportion to their number, from 0.
    case linearDecay
    /// The last few, all alike.
    case top(Int)
    /// The block of one number, from 0.
    case mid(Int)

    /// The weights of a text; nil where it is none of those known.
    public init?(_ text: String) {
        func number(after word: String) -> Int? {
            let digits = text.dropFirst(word.count)
            guard text.hasPrefix(word), !digits.isEmpty, digits.allSatisfy({ ("0"..."9").contains($0) }) else {
                return nil
            }
            return Int(digits)
        }
        switch text {
        case "mean": self = .mean
        case "out": self = .out
        case "linear_decay": self = .linearDecay
        default:
            if let count = number(after: "top"), count > 0 {
                self = .top(count)
            } else if let block = number(after: "mid") {
                self = .mid(block)
            } else {
                return nil
            }
        }
    }

    /// The text of a recipe.
    public var text: String {
        switch self {
        case .mean: "mean"
        case .out: "out"
        case .linearDecay: "linear_decay"
        case .top(let count): "top\(count)"
        case .mid(let block): "mid\(block)"
        }
    }

    /// The weights of a JSON string.
    public static func decode(_ json: JSONValue, at path: String, _ problems: inout [Problem]) -> LossLayers? {
        if let layers = json.string.flatMap({ LossLayers($0) }) { return layers }
        problems.append(
            Problem(
                line: json.line, path: path,
                message:
                    "found \(json.summary), allowed is \"mean\", \"out\", \"linear_decay\", \"topK\" with K ≥ 1 (the "
                    + "last K blocks) or \"midK\" with K ≥ 0 (block K alone)"))
        return nil
    }

    /// The forms of the text.
    public static var typeWords: String { "\"mean\", \"out\", \"linear_decay\", \"topK\", \"midK\"" }

    /// The text.
    public var encoded: JSONValue { JSONValue(text) }

    /// A string of one of these forms.
    public static var schema: JSONValue {
        .object([
            ("type", JSONValue("string")),
            ("pattern", JSONValue("^(mean|out|linear_decay|top[0-9]*[1-9][0-9]*|mid[0-9]+)$")),
        ])
    }

    /// The weight of each of `count` blocks, adding up to 1; nil where there are too few blocks.
    public func weights(of count: Int) -> [Double]? {
        let blocks = 0..<count
        switch self {
        case .mean: return blocks.map { _ in 1 / Double(count) }
        case .out: return blocks.map { $0 == count - 1 ? 1 : 0 }
        case .linearDecay:
            let sum = blocks.reduce(0, +)
            return sum > 0 ? blocks.map { Double($0) / Double(sum) } : nil
        case .top(let last): return last <= count ? blocks.map { $0 >= count - last ? 1 / Double(last) : 0 } : nil
        case .mid(let block): return block < count ? blocks.map { $0 == block ? 1 : 0 } : nil
        }
    }
}
