import Autodiff
import PretrainingMethods
import RandomStreams
public import RecipeSchema

/// What holds the features of a method open beside its own loss.
public enum RegularizerName: String, RecipeEnum {
    /// Sketched isotropic Gaussian regularisation (LeJEPA, arXiv 2511.08544).
    case sigreg
}

/// Which features of the trained branch are looked at, after the encoder's final norm.
public enum RegularizedFeatures: String, RecipeEnum {
    /// The mean of the visible patch tokens of each sequence: a row a picture.
    case pooled
    /// Every visible patch token.
    case tokens
}

/// A term beside the loss of a method, or a watch on its features: the section `regularizer` of a recipe.
public struct RegularizerOptions: RecipeSection, Equatable {
    /// Which; nil: none.
    public var name: RegularizerName?
    /// What its value is multiplied with; 0: it is looked at in logged steps, and nothing is trained by it.
    public var weight = 0.01
    /// What it looks at.
    public var features = RegularizedFeatures.pooled
    /// Random directions of a batch.
    public var slices = 256
    /// Knots of the characteristic function.
    public var knots = 17
    /// The largest of them.
    public var knotMax = 3.0

    /// None.
    public init() {}

    /// The options.
    public static let fields: [Field<Self>] = [
        Field("name", \.name, "The regulariser; null: none."),
        Field(
            "weight", \.weight, in: .closed(0...1e6),
            "Factor of its value beside the loss, which grows with the rows of features of a batch; 0: it is only looked at, "
                + "in logged steps."),
        Field("features", \.features, "Features of the trained encoder that it looks at."),
        Field("slices", \.slices, in: .closed(SIGReg.allowedSlices), "Random directions of a batch."),
        Field(
            "knots", \.knots, in: .closed(SIGReg.allowedKnots, only: "odd") { $0 % 2 == 1 },
            "Points where characteristic functions are compared, evenly from 0."),
        Field("knot_max", \.knotMax, in: .above(0, upTo: SIGReg.mostKnotMax), "The largest of them."),
    ]

    /// Options without a name mean nothing.
    public func check() -> [String] {
        name == nil && self != RegularizerOptions() ? ["name is missing; write \"name\": \"sigreg\""] : []
    }

    /// Whether no step depends on it: there is none, or it only watches.
    var isIdle: Bool { name == nil || weight == 0 }

    /// Why it cannot look at features of a width, of batches of a size with so many tokens a picture; nil where it can.
    func fault(batchSize: Int, tokens: Int, width: Int) -> String? {
        SIGReg.fault(
            slices: slices, knots: knots, knotMax: knotMax, rows: batchSize * (features == .tokens ? tokens : 1),
            width: width)
    }
}

/// SIGReg on the features of any method that hands them out.
///
/// Its directions are a function of the seed and the number of the batch, from a stream of its own: watching changes no bit of
/// training, and a resumed run sees the same.
struct Regularizer: Sendable {
    private let options: RegularizerOptions
    private let sigreg: SIGReg
    private let stream: RandomStream

    /// What the options ask for; nil where they ask for nothing.
    init?(_ options: RegularizerOptions, random: RandomStream) {
        guard options.name == .sigreg else { return nil }
        self.options = options
        sigreg = SIGReg(slices: options.slices, knots: options.knots, knotMax: options.knotMax)
        stream = random.child("regularizer")
    }

    /// Whether it looks at the features of a batch.
    func looks(isLogged: Bool) -> Bool { options.weight > 0 || isLogged }

    /// Adds its term to the loss of batch number `step`, and, in logged steps, what it saw to the indicators: `sig/n`, the value over
    /// the rows of features, near 1/n for normal samples and 0.4 for features that are all the same.
    ///
    /// A method's features need not be normal, nor centred: what is only watched is brought to mean 0 by channel and root mean
    /// square 1 over all first, so that the shape of the distribution is judged. What is trained is not, or its scale could collapse.
    func apply(to result: inout StepResult, step: Int, isLogged: Bool, on tape: inout Tape) {
        guard looks(isLogged: isLogged), let tokens = result.patchTokens else { return }
        let random = stream.child(step)
        let count: Int
        let value: Variable
        if options.weight > 0 {
            let features = features(of: tokens, on: &tape)
            count = features.shape.rows
            value = self.value(of: features, random, on: &tape)
            result.loss = tape.add(result.loss, tape.scale(value, by: Float(options.weight)))
            // A constant prediction has the same features.
            result.constantLoss = result.constantLoss.map { $0 + options.weight * Double(value.value.item) }
        } else {
            var look = Tape(engine: tape.engine, recording: false)
            let features = features(of: look.constant(tokens.value), on: &look)
            count = features.shape.rows
            value = self.value(of: standardized(features, on: &look), random, on: &look)
        }
        if isLogged { result.indicators.append(("sig/n", Double(value.value.item) / Double(count))) }
    }

    /// `[rows, D]` of tokens `[B, K, D]`.
    private func features(of tokens: Variable, on tape: inout Tape) -> Variable {
        switch options.features {
        case .pooled: tape.meanRows(tokens)
        case .tokens: tokens.reshaped([tokens.shape[0] * tokens.shape[1], tokens.shape[2]])
        }
    }

    private func value(of features: Variable, _ random: RandomStream, on tape: inout Tape) -> Variable {
        let draws = sigreg.drawn(width: features.shape.columns, random: random)
        return sigreg(features, along: SIGReg.directions(draws), on: &tape).value
    }

    /// Rows minus their mean, over the root mean square of all that is left; zeros stay zeros.
    private func standardized(_ features: Variable, on tape: inout Tape) -> Variable {
        let centred = tape.subtract(features, tape.mean(features, axis: 0))
        let square = tape.mean(tape.square(centred)).value.item
        return tape.scale(centred, by: square > 0 ? 1 / square.squareRoot() : 1)
    }
}
