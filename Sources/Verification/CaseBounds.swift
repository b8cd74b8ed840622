import Autodiff
import Checkpoints
import ImageMasking
import PretrainingMethods
import RandomStreams
import RecipeSchema
import VisionTransformers

/// What a case may ask for: a case comes from elsewhere, and whatever it holds must end in an error, not in a trap or a computation
/// without end.
enum CaseBounds {
    /// Cells of a grid.
    static let cells = 1 << 14
    /// Numbers of a table or a list of rates.
    static let entries = 1 << 20
    /// Optimiser steps that are taken, micro-batches of one, pictures of a drawn batch.
    static let steps = 64

    /// A count or size that must lie in a range.
    static func checked(_ value: Int, in range: ClosedRange<Int>, _ what: @autoclosure () -> String) throws -> Int {
        guard range.contains(value) else {
            throw GoldenError("\(what()) is \(value); allowed is \(range.lowerBound) to \(range.upperBound)")
        }
        return value
    }

    /// A statement about a case that must hold.
    static func require(_ holds: Bool, _ fault: @autoclosure () -> String) throws {
        guard holds else { throw GoldenError(fault()) }
    }

    /// The grid of two sides, with no more cells than a case may have.
    static func grid(_ rows: Int, _ columns: Int) throws -> PatchGrid {
        guard (1...cells).contains(rows), (1...cells).contains(columns), rows * columns <= cells else {
            throw GoldenError("a grid of \(rows) by \(columns); allowed are 1 to \(cells) cells")
        }
        return PatchGrid(rows: rows, columns: columns)
    }

    /// Rows and width of a sine-cosine table.
    static func table(_ grid: PatchGrid, width: Int) throws {
        try require(
            width >= 4 && width % 4 == 0 && width <= entries / (grid.count + 1),
            "a position table of width \(width) on \(grid)")
    }
}

extension GoldenCase {
    /// The integer at a dotted path, within a range.
    func integer(_ path: String, in range: ClosedRange<Int>) throws -> Int {
        try CaseBounds.checked(try integer(path), in: range, "\"\(path)\"")
    }

    /// The elements of the list at a dotted path.
    func list(_ path: String) throws -> [JSONValue] {
        guard let list = try value(path).array else { throw GoldenError("\"\(path)\" is no list") }
        return list
    }

    /// The number at a dotted path, within a range.
    func number(_ path: String, in range: ClosedRange<Double>) throws -> Double {
        let number = try number(path)
        try CaseBounds.require(
            range.contains(number),
            "\"\(path)\" is \(number); allowed is \(range.lowerBound) to \(range.upperBound)")
        return number
    }

    /// A tensor with so many axes, none of them empty.
    func tensor(_ name: String, axes: Int) throws -> StoredTensor {
        let tensor = try tensor(name)
        try CaseBounds.require(
            tensor.shape.count == axes && !tensor.shape.contains(0),
            "\"\(name)\" has the shape \(tensor.shape); wanted are \(axes) axes with something on each")
        return tensor
    }

    /// A tensor for the engine, with so many axes, none of them empty.
    func engineTensor(_ name: String, axes: Int) throws -> Tensor { Tensor(try tensor(name, axes: axes)) }

    /// Pictures `[B, C, H, W]`.
    func pictures(_ name: String = "in/images") throws -> Tensor {
        let pictures = try engineTensor(name, axes: 4)
        try CaseBounds.require(
            pictures.array.allSatisfy { abs($0) <= 1e4 }, "\"\(name)\" holds what is no number of a picture")
        return pictures
    }

    /// Draws from [0, 1), of single precision where they are stored so.
    func uniforms(_ name: String) throws -> [Double] {
        let draws = try tensor(name).doubles()
        try CaseBounds.require(
            draws.allSatisfy { 0 <= $0 && $0 < 1 }, "\"\(name)\" holds a number outside [0, 1)")
        return draws
    }

    /// The side of patches that pictures can be cut into.
    func patchSide(_ path: String, of pictures: Shape) throws -> Int {
        let side = try integer(path, in: 1...4096)
        try CaseBounds.require(
            pictures[2] % side == 0 && pictures[3] % side == 0,
            "pictures of \(pictures) are not made of patches of \(side)")
        return side
    }

    /// The grid of pictures `[B, C, H, W]` for an encoder that can see them.
    func grid(of encoder: EncoderOptions, _ pictures: Shape) throws -> PatchGrid {
        let side = encoder.patchSize
        try CaseBounds.require(
            pictures[1] == encoder.channels && pictures[2] % side == 0 && pictures[3] % side == 0,
            "pictures of \(pictures) are not made of patches of \(side) with \(encoder.channels) channels")
        return try CaseBounds.grid(pictures[2] / side, pictures[3] / side)
    }

    /// What a method of the case is made for; its options must suit the pictures.
    func context<Options: PretrainingOptions>(
        _ options: Options, _ encoder: EncoderOptions, _ pictures: Shape
    ) throws -> MethodContext {
        let grid = try grid(of: encoder, pictures)
        try refuse(options, encoder, grid)
        var context = MethodContext(encoder: encoder, grid: grid, random: RandomStream(seed: 0))
        context.parameterLimit = parameterLimit
        return context
    }

    /// Refuses options that do not suit an encoder on a grid.
    func refuse<Options: PretrainingOptions>(
        _ options: Options, _ encoder: EncoderOptions, _ grid: PatchGrid
    ) throws {
        let needs = options.needs
        try CaseBounds.require(
            encoder.relativePositionBias == .none || needs.takesRelativeBias(under: needs.masks),
            "a relative position bias where patches are hidden")
        let heads = needs.sharesWidthEvenly ? encoder.headsFault : nil
        let faults =
            [heads, needs.positionFault(of: encoder, in: Options.name)].compactMap { $0 }
            + options.faults(encoder: encoder, grid: grid)
        if let fault = faults.first { throw GoldenError(fault) }
    }

    /// Numbers that a model of the case may have: those of the weights that the case holds, each filled up to a whole line.
    var parameterLimit: Int { tensors.tensors.reduce(16) { $0 + ($1.value.count + 31) / 16 * 16 } }

    /// Patches of a grid, some but not all, that stay visible at `recipe.mask.ratio`.
    func visibleCount(
        on grid: PatchGrid, _ rule: CountRule = .visibleDown, ratio path: String = "recipe.mask.ratio"
    ) throws -> Int {
        let count = grid.visibleCount(ratio: try number(path, in: 0...1), rule)
        try CaseBounds.require((1..<grid.count).contains(count), "\(count) of \(grid.count) patches are visible")
        return count
    }

    /// Scores of patches, a list for each picture of `pictures`, or of any number where it is nil.
    func scores(_ name: String, on grid: PatchGrid, pictures: Int? = nil) throws -> [Float] {
        try scores(try tensor(name), name, on: grid, pictures: pictures)
    }

    /// The same of a tensor.
    func scores(_ tensor: StoredTensor, _ name: String, on grid: PatchGrid, pictures: Int? = nil) throws -> [Float] {
        let values = tensor.floats()
        try CaseBounds.require(
            !values.isEmpty && values.count % grid.count == 0 && !values.contains(where: \.isNaN)
                && (pictures.map { $0 * grid.count == values.count } ?? true),
            "\"\(name)\" does not hold a number for each of \(grid.count) patches of each picture")
        return values
    }

    /// Labels of classes.
    func labels(_ name: String, classes: Int, count: Int? = nil) throws -> [Int] {
        let labels = try integers(name)
        try CaseBounds.require(
            labels.allSatisfy { (0..<classes).contains($0) } && (count.map { $0 == labels.count } ?? true),
            "\"\(name)\" does not hold a class below \(classes) for each of \(count ?? labels.count) pictures")
        return labels
    }
}
