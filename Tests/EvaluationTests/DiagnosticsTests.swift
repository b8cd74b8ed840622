import Evaluation
import RandomStreams
import Testing

/// Diagnostics beyond their golden cases.
struct DiagnosticsTests {
    private func normal(_ count: Int, seed: UInt64) -> [Double] {
        var stream = RandomStream(seed: seed)
        return (0..<count).map { _ in Double(stream.normal()) }
    }

    @Test func eigenvectorsRebuildTheMatrix() {
        let size = 9
        let z = normal(size * size, seed: 1)
        let matrix = Gram.matrix(z, rows: size, width: size)
        let eigen = SymmetricEigen(matrix, size: size)
        #expect(zip(eigen.values, eigen.values.dropFirst()).allSatisfy { $0 >= $1 })
        for i in 0..<size {
            for j in 0..<size {
                let sum = (0..<size).reduce(0.0) {
                    $0 + eigen.values[$1] * eigen.vectors[$1 * size + i] * eigen.vectors[$1 * size + j]
                }
                #expect(abs(sum - matrix[i * size + j]) < 1e-10)
            }
        }
    }

    @Test func aConstantIsToldFromAnOffset() {
        let (rows, width) = (120, 24)
        let noise = normal(rows * width, seed: 2)
        let constant = FeatureSpectrum(
            noise.indices.map { 1 + Double($0 % width) + 1e-3 * noise[$0] }, rows: rows, width: width)
        let isotropic = FeatureSpectrum(noise, rows: rows, width: width)
        #expect(constant.relativeVariance < 1e-3 && constant.unitDeviation < 0.02 && constant.meanCosine > 0.999)
        #expect(constant.rankMe < 1.2 && constant.centredEffectiveRank > 20)
        #expect(isotropic.relativeVariance > 0.95 && abs(isotropic.unitDeviation - 1) < 0.05)
        #expect(abs(isotropic.meanCosine) < 0.02 && isotropic.covarianceRank > 20)
    }

    @Test func fewRowsAreCountedByTheOtherProduct() {
        let spectrum = FeatureSpectrum(normal(5 * 40, seed: 3), rows: 5, width: 40)
        #expect(spectrum.singularValues.count == 5 && spectrum.centredSingularValues[4] < 1e-6)
    }

    @Test func chiSquaredQuantilesAreThoseOfTables() {
        for (share, degrees, expected) in [(0.95, 1.0, 3.841459), (0.99, 10, 23.209251), (0.5, 100, 99.334129)] {
            #expect(abs(ChiSquared.quantile(share, degrees: degrees) - expected) < 1e-5)
        }
    }

    @Test func theCurveCountsTiesHalf() throws {
        #expect(Detection([1, 2, 3, 4], anomalous: [false, false, true, true])?.areaUnderCurve == 1)
        #expect(Detection([1, 1], anomalous: [false, true])?.areaUnderCurve == 0.5)
        let mixed = try #require(Detection([3, 1, 2, 2], anomalous: [false, true, true, false]))
        #expect(mixed.areaUnderCurve == 0.125)
        // At 3: nothing; at 2: one of three; at 1: two of four.
        #expect(abs(mixed.averagePrecision - (0.5 / 3 + 0.5 / 2)) < 1e-15)
        #expect(mixed.threshold == 1 && mixed.falseAlarms == 1)
        #expect(
            Detection([1, 2], anomalous: [true, true]) == nil && Detection([1, .nan], anomalous: [true, false]) == nil)
    }

    @Test func aSingularCovarianceThatShrinksIsFittedAndAConstantOneIsNot() {
        #expect(GaussianAnomaly(normal(6 * 8, seed: 4), rows: 6, width: 8) != nil)
        #expect(GaussianAnomaly([Double](repeating: 1, count: 20), rows: 5, width: 4) == nil)
    }
}
