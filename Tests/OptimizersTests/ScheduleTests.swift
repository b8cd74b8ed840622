import Foundation
import Optimizers
import TestSupport
import Testing

@Suite struct ScheduleTests {
    @Test func warmUpIsLinearAndTheCosineEndsAtTheMinimum() {
        let schedule = LearningRateSchedule(peak: 2, minimum: 0.5, epochs: 10, warmupEpochs: 2, warmupStart: 1)
        #expect(schedule.rate(at: 0) == 1)
        #expect(schedule.rate(at: 1) == 1.5)
        #expect(schedule.rate(at: 2) == 2)
        #expect(abs(schedule.rate(at: 6) - 1.25) < 1e-15)
        #expect(abs(schedule.rate(at: 10) - 0.5) < 1e-15)
    }

    @Test func aConstantStaysAtThePeakAfterTheWarmUp() {
        let schedule = LearningRateSchedule(peak: 2, minimum: 0.5, epochs: 10, warmupEpochs: 4, falls: false)
        #expect(schedule.rate(at: 0) == 0)
        #expect(schedule.rate(at: 1) == 0.5)
        #expect(schedule.rate(at: 4) == 2)
        #expect(schedule.rate(at: 9.5) == 2)
    }

    @Test func aCosineOverTheWholeRunHasFallenWhenTheWarmUpEndsAndLagsByAStep() {
        let schedule = WholeRunCosine(
            peak: 2, minimum: 0.5, warmupStart: 1, warmupEpochs: 4, RunLength(stepsPerEpoch: 1, epochs: 16))
        // Steps 0 and 1 both use the rate of update 0.
        #expect([0, 1, 2, 4].map { schedule.value(at: $0) } == [1, 1, 1.25, 1.75])
        let atWarmUp = 0.5 + 0.75 * (1 + cos(Double.pi / 4))
        #expect(abs(schedule.value(at: 5) - atWarmUp) < 1e-15 && atWarmUp < 1.8)
        #expect(abs(schedule.value(at: 9) - 1.25) < 1e-15)
        #expect(schedule.value(at: 17) == 0.5 && schedule.value(at: 100) == 0.5)
    }

    private struct Case: Decodable {
        struct Schedule: Decodable {
            var micro_batches_per_epoch: Int
            var accumulate: Int
            var epochs: Double
            var warmup_epochs: Double
            var peak: Double
            var min: Double
        }
        var schedules: [String: Schedule]
    }

    @Test(.enabled(if: SharedFiles.isPresent)) func ratesAreTheOfficialOnes() throws {
        let folder = SharedFiles.url("golden/mae/schedules")
        let json = try Data(contentsOf: folder.appendingPathComponent("case.json"))
        let cases = try JSONDecoder().decode(Case.self, from: json).schedules
        #expect(cases.count == 5)
        for (name, options) in cases {
            let expected = try readFloats("rate/\(name)", in: folder.appendingPathComponent("tensors.safetensors"))
            let schedule = LearningRateSchedule(
                peak: options.peak, minimum: options.min, epochs: options.epochs, warmupEpochs: options.warmup_epochs)
            var rates: [Double] = []
            for epoch in 0..<Int(options.epochs) {
                for batch in stride(from: 0, to: options.micro_batches_per_epoch, by: options.accumulate) {
                    let share = Double(batch) / Double(options.micro_batches_per_epoch)
                    rates.append(schedule.rate(at: Double(epoch) + share))
                }
            }
            #expect(rates.count == expected.count)
            for (rate, reference) in zip(rates, expected) {
                #expect(abs(rate - Double(reference)) < 1e-7 * options.peak, "\(name)")
            }
        }
    }

    @Test func aClosedWarmupEndsOnThePeakAndTheCosineBeginsThere() {
        let schedule = ClosedWarmupCosine(peak: 2, minimum: 1, warmupStart: 0, warmupSteps: 5, steps: 15)
        #expect((0..<5).map { schedule.value(at: $0) } == [0, 0.5, 1, 1.5, 2])
        #expect(schedule.value(at: 5) == 2 && abs(schedule.value(at: 10) - 1.5) < 1e-12)
        #expect(schedule.value(at: 14) > 1 && schedule.value(at: 15) == 1)
        // One step of warm-up has the start alone, as numpy's linspace.
        let short = ClosedWarmupCosine(peak: 2, minimum: 1, warmupStart: 0.5, warmupSteps: 1, steps: 3)
        #expect(short.value(at: 0) == 0.5 && short.value(at: 1) == 2)
    }

    /// One float32 tensor of a small safetensors file: eight bytes of length, a JSON header, the data.
    private func readFloats(_ name: String, in file: URL) throws -> [Float] {
        let data = try Data(contentsOf: file)
        let length = data.prefix(8).reversed().reduce(0) { $0 << 8 | Int($1) }
        let header = try JSONSerialization.jsonObject(with: data[8..<8 + length]) as? [String: Any]
        let entry = try #require(header?[name] as? [String: Any])
        let offsets = try #require(entry["data_offsets"] as? [Int])
        let bytes = data[(8 + length + offsets[0])..<(8 + length + offsets[1])]
        return bytes.withUnsafeBytes { raw in
            (0..<raw.count / 4).map { raw.loadUnaligned(fromByteOffset: 4 * $0, as: Float.self) }
        }
    }
}
