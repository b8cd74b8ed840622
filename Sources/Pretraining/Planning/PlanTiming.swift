public import Autodiff
import Checkpoints
import EncoderFiles
import Foundation
public import ImageData
import PretrainingMethods
import TrainingStep

extension Recipe {
    /// Throws where the weights of a file cannot begin a run of the recipe, as the run would.
    func requireFitting(_ path: String) throws {
        func fit(_ options: some PretrainingOptions) throws {
            let method = try options.makeMethod(methodContext)
            var parameters = method.parameters
            _ = try orRunError { () throws(CheckpointError) in
                try EncoderFile(path: path).initialize(&parameters, of: method.encoder)
            }
        }
        try fit(method)
    }
}

/// What a step of a recipe takes on this machine, measured by real steps on the pictures themselves.
struct PlanTiming {
    /// Seconds of a step: the mean, since a run waits for slow ones, too.
    var stepSeconds: Double
    /// Multiply-adds count two.
    var operations: Double
    /// Bytes that the process had at most so far.
    var peakMemory: Int
    /// Numbers that are trained.
    var parameterCount: Int

    /// Takes real steps for some seconds, five at least; the first two do not count.
    init(
        _ recipe: Recipe, source: any ImageSource, loaderThreads: Int, engine: Engine, seconds: Double
    ) throws {
        let rehearsal = try Rehearsal(
            recipe, source: source, normalization: recipe.data.writtenNormalization, engine: engine,
            loaderThreads: loaderThreads)
        for _ in 0..<2 { try rehearsal.takeStep() }
        let (before, began) = (engine.operations, ContinuousClock.now)
        var times: [Double] = []
        while times.count < 5 || (ContinuousClock.now - began) / .seconds(1) < seconds {
            let start = ContinuousClock.now
            try rehearsal.takeStep()
            times.append((ContinuousClock.now - start) / .seconds(1))
        }
        stepSeconds = times.reduce(0, +) / Double(times.count)
        operations = (engine.operations - before) / Double(times.count)
        parameterCount = rehearsal.parameterCount
        var usage = rusage()
        getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
        peakMemory = usage.ru_maxrss << 10
    }
}

extension Recipe {
    /// About how long a run of this recipe, which is resolved, takes alone on this machine: a few steps are taken and thrown away.
    public func estimatedSeconds(source: any ImageSource, engine: Engine) throws -> Double {
        let each = try train.stepsPerEpoch(pictures: source.count)
        let timing = try PlanTiming(self, source: source, loaderThreads: 2, engine: engine, seconds: 2)
        let steps = min(Double(each) * Double(train.epochs), Double(train.maxSteps ?? .max))
        return timing.stepSeconds * steps
    }
}
