import Evaluation
import Pretraining
import RandomStreams
import RecipeSchema
import Testing

/// Alarms of collapse.
struct HealthTests {
    /// A short run is not spent on looking at itself, and a resumed one looks at as many pictures as before.
    @Test func checksOfAShortRunAreSmallAndStayTheSame() throws {
        let run = try TinyRun()
        try run.train(try TinyRun.recipe("train.max_steps=2"))
        try run.train(try TinyRun.recipe("train.max_steps=5"), .resumed)
        let checks = try run.rows().map { try JSONParser.parse($0) }.filter { $0["kind"]?.string == "health" }
        #expect(checks.map { $0["step"]?.int } == [0, 2, 5])
        #expect(checks.map { $0["pictures"]?.int } == [16, 16, 16])
    }

    private func figures(_ feature: (Int, Int, Double) -> Double) -> HealthFigures {
        var stream = RandomStream(seed: 9)
        let values = (0..<64 * 16).map { Float(feature($0 / 16, $0 % 16, Double(stream.normal()))) }
        return HealthFigures(FeatureTable(features: values, dimension: 16))
    }

    private var healthy: HealthFigures { figures { _, _, noise in noise } }
    private var constant: HealthFigures { figures { _, column, noise in 1 + Double(column) + 1e-3 * noise } }

    @Test func constantFeaturesAlarmAtTheSecondCheckInARow() {
        var history = HealthHistory()
        #expect(history.verdict(healthy, afterWarmup: false) == nil)
        #expect(history.verdict(constant, afterWarmup: false) == nil)
        #expect(history.verdict(constant, afterWarmup: false)?.hasPrefix("collapsed") ?? false)
        #expect(history.verdict(healthy, afterWarmup: false) == nil)
        #expect(history.verdict(constant, afterWarmup: false) == nil)
    }

    @Test func losingDirectionsAlarmsAfterTheWarmUp() {
        let narrow = figures { row, column, _ in (row % 2 == 0 ? 1 : -1) * Double(column + 1) + Double(row % 3) }
        var history = HealthHistory()
        _ = history.verdict(healthy, afterWarmup: false)
        for _ in 0..<3 { #expect(history.verdict(narrow, afterWarmup: false) == nil) }
        #expect(history.verdict(narrow, afterWarmup: true)?.hasPrefix("narrowing") ?? false)
    }

    @Test func losingFewerThanHalfOfTheDirectionsIsNoAlarm() {
        let narrower = figures { _, column, noise in column < 9 ? noise : 0 }
        var history = HealthHistory()
        _ = history.verdict(healthy, afterWarmup: true)
        for _ in 0..<3 { #expect(history.verdict(narrower, afterWarmup: true) == nil) }
    }

    @Test func healthyFeaturesNeverAlarm() {
        var history = HealthHistory()
        for check in 0..<6 { #expect(history.verdict(healthy, afterWarmup: check > 1) == nil) }
    }

    @Test func aSmallLossAlarmsOnlyWhereTheTargetsDied() {
        var history = HealthHistory()
        #expect(history.verdict(loss: 0.5, constant: 1) == nil)
        #expect(history.verdict(loss: 0.01, constant: 1) == nil)
        #expect(history.verdict(loss: 0.001, constant: 0.1)?.hasPrefix("trivial") ?? false)
    }

    @Test func historiesSurviveAsJSON() {
        var history = HealthHistory()
        #expect(HealthHistory(history.json) == history)
        _ = history.verdict(healthy, afterWarmup: true)
        _ = history.verdict(constant, afterWarmup: true)
        _ = history.verdict(loss: 1, constant: 2)
        #expect(HealthHistory(history.json) == history)
    }
}
