import Autodiff
public import Checkpoints
import Foundation
public import RecipeSchema

/// A golden case: what a right implementation must give, as `case.json` and `tensors.safetensors` in a folder.
public struct GoldenCase: Sendable {
    /// The folder.
    public let folder: String
    /// The text of the case.
    public let json: JSONValue
    /// Inputs, draws, weights and expected values.
    public let tensors: SafetensorsFile

    /// Reads a case.
    public init(folder: String) throws(GoldenError) {
        let path = folder + "/case.json"
        let json: JSONValue
        let tensors: SafetensorsFile
        guard let data = FileManager.default.contents(atPath: path) else {
            throw GoldenError("\(path) cannot be read")
        }
        do {
            json = try JSONParser.parse(Array(data))
            let file = folder + "/tensors.safetensors"
            tensors = FileManager.default.fileExists(atPath: file) ? try Safetensors.read(file) : SafetensorsFile()
        } catch {
            throw GoldenError("\(error)")
        }
        try self.init(folder: folder, json: json, tensors: tensors)
    }

    /// A case whose files have been read; `folder` is for names and errors.
    package init(folder: String, json: JSONValue, tensors: SafetensorsFile) throws(GoldenError) {
        self.folder = folder
        self.json = json
        self.tensors = tensors
        if let number = json.firstNumber(above: Self.largestNumber) {
            throw GoldenError("\(folder): the case holds \(number.shown(limit: 60)); numbers are at most 2²⁰")
        }
        if let (name, tensor) = tensors.tensors.first(where: { $0.value.shape.count > Shape.maximalRank }) {
            throw GoldenError(
                "\(folder): the tensor \"\(name)\" has \(tensor.shape.count) axes; at most \(Shape.maximalRank) are possible"
            )
        }
    }

    /// The largest number of a case: sizes and counts are small, so that a case is checked in seconds, and products of three of
    /// them are integers still.
    private static let largestNumber = 0x1p20

    /// Topic and case, such as `mae/pretrain_square_plain`.
    public var name: String { folder.split(separator: "/").suffix(2).joined(separator: "/") }
    /// The topic: the method of the case, or its folder's parent.
    public var topic: String {
        json["method"]?.string ?? String(folder.split(separator: "/").dropLast().last ?? "")
    }
    /// The computation that the case asks for; model cases without one are whole training runs.
    public var routine: String { json["routine"]?.string ?? json["kind"]?.string ?? "" }

    /// The expected tensors with their tolerances.
    public var expectations: [(tensor: String, relative: Double, absolute: Double)] {
        (json["expect"]?.array ?? []).compactMap { entry in
            guard let tensor = entry["tensor"]?.string else { return nil }
            return (tensor, entry["rel"]?.double ?? 0, entry["abs"]?.double ?? 0)
        }
    }

    /// Expected tensors that are compared by the test that the case describes: their `abs` is a text, not a number.
    public var statisticalExpectations: Set<String> {
        Set((json["expect"]?.array ?? []).filter { $0["abs"]?.string != nil }.compactMap { $0["tensor"]?.string })
    }

    /// A tensor that the computation needs.
    public func tensor(_ name: String) throws(GoldenError) -> StoredTensor {
        guard let tensor = tensors[name] else { throw GoldenError("the case has no tensor \"\(name)\"") }
        return tensor
    }

    /// The tensors whose names begin with a prefix, by the rest of the name.
    public func tensors(under prefix: String) -> [(name: String, tensor: StoredTensor)] {
        tensors.names.filter { $0.hasPrefix(prefix) }.compactMap { name in
            tensors[name].map { (String(name.dropFirst(prefix.count)), $0) }
        }
    }

    /// The integers of a tensor.
    public func integers(_ name: String) throws(GoldenError) -> [Int] {
        guard let values = try tensor(name).integers() else { throw GoldenError("\"\(name)\" holds no integers") }
        return values
    }

    /// The value at a dotted path of the case's text.
    public func value(_ path: String) throws(GoldenError) -> JSONValue {
        var value = json
        for part in path.split(separator: ".") {
            guard let inner = value[String(part)] else { throw GoldenError("the case has no \"\(path)\"") }
            value = inner
        }
        return value
    }

    /// The number at a dotted path.
    public func number(_ path: String) throws(GoldenError) -> Double {
        guard let number = try value(path).double else { throw GoldenError("\"\(path)\" is no number") }
        return number
    }

    /// The number at a dotted path, or a default where it is absent or null.
    public func number(_ path: String, default fallback: Double) -> Double { (try? number(path)) ?? fallback }

    /// The integer at a dotted path.
    public func integer(_ path: String) throws(GoldenError) -> Int {
        guard let number = try value(path).int else { throw GoldenError("\"\(path)\" is no integer") }
        return number
    }

    /// A section of the recipe fragment, decoded as a real recipe would be, without the members that only a case has.
    public func section<Section: RecipeSection>(
        _ path: String, as _: Section.Type, without extra: Set<String> = []
    ) throws(GoldenError) -> Section {
        var json = try value(path)
        if case .object(let members) = json.kind { json.kind = .object(members.filter { !extra.contains($0.name) }) }
        var problems: [Problem] = []
        guard let section = Section.decode(json, at: "$.\(path)", &problems) else {
            throw GoldenError("\(Problems(problems))")
        }
        return section
    }
}

extension JSONValue {
    /// The first number whose magnitude is above a bound, as it is written.
    fileprivate func firstNumber(above bound: Double) -> String? {
        switch kind {
        case .number(let number):
            guard let value = number.double else { return number.text }
            return abs(value) > bound ? number.text : nil
        case .array(let values):
            for value in values { if let found = value.firstNumber(above: bound) { return found } }
            return nil
        case .object(let members):
            for member in members { if let found = member.value.firstNumber(above: bound) { return found } }
            return nil
        default: return nil
        }
    }
}

/// Why a case could not be run.
public struct GoldenError: Error, Sendable, CustomStringConvertible {
    /// The reason in one sentence.
    public let description: String

    /// An error with its sentence.
    public init(_ description: String) { self.description = description }
}

/// A tensor that a computation produced.
public struct GoldenValue: Sendable {
    /// Its shape.
    public var shape: [Int]
    /// Its numbers; integers are exact.
    public var numbers: [Double]

    /// A tensor of doubles.
    public init(_ numbers: [Double], _ shape: [Int]) {
        self.numbers = numbers
        self.shape = shape
    }
    /// The first entries along the first axis.
    func first(_ count: Int) -> GoldenValue {
        let each = shape.dropFirst().reduce(1, *)
        return GoldenValue([Double](numbers.prefix(count * each)), [count] + shape.dropFirst())
    }

    /// A tensor of floats.
    public init(_ numbers: [Float], _ shape: [Int]) { self.init(numbers.map { Double($0) }, shape) }
    /// A tensor of integers.
    public init(_ numbers: some Sequence<some BinaryInteger>, _ shape: [Int]) {
        self.init(numbers.map { Double($0) }, shape)
    }
}

/// What a routine gives: tensors to be compared, and checks that have their own rule.
public struct GoldenOutcome: Sendable {
    /// Tensors by the names of the case.
    public var values: [String: GoldenValue]
    /// Statements with their error over tolerance: at most 1 passes.
    public var checks: [(statement: String, worst: Double)]

    /// Tensors and checks.
    public init(_ values: [String: GoldenValue] = [:], checks: [(statement: String, worst: Double)] = []) {
        self.values = values
        self.checks = checks
    }

    /// Adds a statement that is right or wrong.
    public mutating func check(_ statement: String, _ holds: Bool) {
        checks.append((statement, holds ? 0 : .infinity))
    }

    /// Adds a statement that an error stays within a bound.
    public mutating func check(_ statement: String, error: Double, within bound: Double) {
        let worst = error == 0 ? 0 : error / bound
        checks.append((statement, worst.isNaN ? .infinity : worst))
    }
}
