public import Autodiff
import Foundation
public import ImageMasking

/// A place in a picture: row and column from 0 to 1.
public struct Coordinate: Sendable, Hashable {
    /// From top to bottom.
    public var row: Double
    /// From left to right.
    public var column: Double

    /// A place.
    public init(row: Double, column: Double) {
        self.row = row
        self.column = column
    }
}

/// Places of tokens and the angles by which they turn (Darcet et al., arXiv 2502.08769; its code).
public enum RotaryPositions {
    /// The place of a cell: its row and column over the last ones; 0 on an axis of one cell.
    public static func coordinate(of cell: Int, on grid: PatchGrid) -> Coordinate {
        func share(_ place: Int, _ count: Int) -> Double { count > 1 ? Double(place) / Double(count - 1) : 0 }
        return Coordinate(
            row: share(cell / grid.columns, grid.rows), column: share(cell % grid.columns, grid.columns))
    }

    /// The places of registers round the unit square; a multiple of 4 of them.
    public static func registers(_ count: Int) -> [Coordinate] {
        let steps = (0..<count / 4).map { Double($0) / Double(count / 4) }
        return steps.map { Coordinate(row: $0, column: 0) } + steps.map { Coordinate(row: 1, column: $0) }
            + steps.map { Coordinate(row: 1 - $0, column: 1) } + steps.map { Coordinate(row: 0, column: 1 - $0) }
    }

    /// The registers round the box of some places.
    public static func registers(_ count: Int, around places: [Coordinate]) -> [Coordinate] {
        guard let first = places.first else { return registers(count) }
        var (low, high) = (first, first)
        for place in places {
            low = Coordinate(row: min(low.row, place.row), column: min(low.column, place.column))
            high = Coordinate(row: max(high.row, place.row), column: max(high.column, place.column))
        }
        return registers(count).map {
            Coordinate(
                row: low.row + $0.row * (high.row - low.row),
                column: low.column + $0.column * (high.column - low.column))
        }
    }

    /// ω of a head of a width, a quarter of it numbers: 2π·7·10000^(−i/(q − 1)).
    public static func frequencies(head width: Int) -> [Double] {
        let quarter = width / 4
        return (0..<quarter).map { 2 * .pi * 7 * pow(10_000, quarter > 1 ? -Double($0) / Double(quarter - 1) : 0) }
    }
}

/// Cosines and sines of the angles of tokens, `[1 or B, T, d]` each.
public struct RotaryAngles: Sendable {
    /// The cosines.
    public var cosines: Tensor
    /// The sines.
    public var sines: Tensor

    /// Those of places, image by image, for heads of a width d.
    ///
    /// The angle of channel j is row · ω_(j mod q) in the first half of the channels, column · ω_(j mod q) in the second.
    public init(_ places: [[Coordinate]], head width: Int) {
        let frequencies = RotaryPositions.frequencies(head: width)
        let tokens = places.first?.count ?? 0
        var (cosines, sines): ([Float], [Float]) = ([], [])
        cosines.reserveCapacity(places.count * tokens * width)
        sines.reserveCapacity(places.count * tokens * width)
        // Most images of a batch share most places.
        var known: [Double: (cosines: [Float], sines: [Float])] = [:]
        func half(_ coordinate: Double) -> (cosines: [Float], sines: [Float]) {
            if let found = known[coordinate] { return found }
            let angles = frequencies.map { $0 * coordinate }
            let (cosine, sine) = (angles.map { Float(cos($0)) }, angles.map { Float(sin($0)) })
            known[coordinate] = (cosine + cosine, sine + sine)
            return (cosine + cosine, sine + sine)
        }
        for image in places {
            for place in image {
                for part in [half(place.row), half(place.column)] {
                    cosines += part.cosines
                    sines += part.sines
                }
            }
        }
        let shape: Shape = [places.count, tokens, width]
        self.cosines = Tensor(cosines, shape)
        self.sines = Tensor(sines, shape)
    }

    /// Queries or keys `[B, T, W]`, turned.
    func callAsFunction(_ x: Variable, _ pairing: RotaryPairing, on tape: inout Tape) -> Variable {
        tape.rotate(x, cosines: cosines, sines: sines, pairing)
    }

    /// Those of some images alone.
    func entries(_ images: [Int]) -> RotaryAngles {
        guard cosines.shape[0] > 1 else { return self }
        func chosen(_ table: Tensor) -> Tensor {
            let size = table.count / table.shape[0]
            let values = table.withUnsafeBuffer { all in images.flatMap { all[$0 * size..<($0 + 1) * size] } }
            return Tensor(values, [images.count, table.shape[1], table.shape[2]])
        }
        var result = self
        result.cosines = chosen(cosines)
        result.sines = chosen(sines)
        return result
    }
}
