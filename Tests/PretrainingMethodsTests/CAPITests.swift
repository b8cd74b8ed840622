import Autodiff
import ImageMasking
import Optimizers
import PretrainingMethods
import RandomStreams
import Testing
import TrainingStep
import VisionTransformers

/// CAPI beyond its golden cases.
struct CAPITests {
    private static let grid = PatchGrid(rows: 3, columns: 4)

    private func method(_ change: (inout CAPIOptions) -> Void = { _ in }) -> CAPI {
        var encoder = EncoderOptions()
        encoder.patchSize = 2
        encoder.width = 16
        encoder.depth = 2
        encoder.heads = 2
        encoder.classToken = false
        encoder.position = .rope
        encoder.norm = .rms
        encoder.registers = 4
        encoder.qkvBias = .none
        var options = CAPIOptions()
        options.predictorDepth = 2
        options.clusters = 8
        change(&options)
        return options.makeMethod(MethodContext(encoder: encoder, grid: Self.grid, random: RandomStream(seed: 4)))
    }

    private func batch(_ samples: [Int] = [3, 1, 4, 15, 9]) -> Batch {
        let size = 3 * 6 * 8
        let images = samples.flatMap { sample in
            var stream = RandomStream(seed: 6).child(sample)
            return (0..<size).map { _ in Float(stream.normal()) }
        }
        return Batch(images: Tensor(images, [samples.count, 3, 6, 8]), samples: samples, epoch: 2)
    }

    private func mask(of batch: Batch) throws -> PatchMask {
        let request = MaskRequest(grid: Self.grid, samples: batch.samples, epoch: 2)
        var strategy = InverseBlockMasking()
        strategy.predictShare = 0.5
        guard case .patches(let mask) = try strategy.plan(request, random: RandomStream(seed: 5)) else {
            throw MethodError.wrongPlan(method: "capi", .nothing)
        }
        return mask
    }

    private func scores(_ rows: Int, _ columns: Int, scale: Float = 1) -> Tensor {
        var stream = RandomStream(seed: 3)
        return Tensor((0..<rows * columns).map { _ in scale * Float(stream.normal()) }, [rows, columns])
    }

    // MARK: - Balancing

    @Test func rowsSumToOneAndClustersShareEachGroup() throws {
        let (rows, columns) = (24, 4)
        // Two groups whose rows lie between one another.
        let groups = [stride(from: 0, to: rows, by: 2), stride(from: 1, to: rows, by: 2)].map { Array($0) }
        let engine = try Engine(threads: 2)
        for (scale, iterations) in [(Float(0.1), 3), (1, 300)] {
            let found = Sinkhorn(iterations: iterations)(
                scores(rows, columns, scale: scale), groups: groups, temperature: 0.3, engine: engine
            ).array
            for row in 0..<rows {
                let sum = found[row * columns..<(row + 1) * columns].reduce(0, +)
                #expect(abs(sum - 1) < 1e-5, "row \(row) sums to \(sum)")
            }
            for (group, column) in groups.flatMap({ group in (0..<columns).map { (group, $0) } }) {
                let sum = group.reduce(Float(0)) { $0 + found[$1 * columns + column] }
                #expect(abs(sum - 3) < 0.02, "cluster \(column) has \(sum) of 3 rows")
            }
            #expect(Set(found).count > rows, "assignments that tell rows apart")
        }
    }

    /// Scores far above what exponentials hold stay finite, and a row's favourite stays its favourite where there is room.
    @Test func largeScoresStayFinite() throws {
        let identity = Tensor((0..<16).map { $0 % 5 == 0 ? 1e4 : -1e4 }, [4, 4])
        let found = Sinkhorn(iterations: 3)(
            identity, groups: [[0, 1, 2, 3]], temperature: 0.06, engine: try Engine(threads: 1)
        ).array
        #expect(found.allSatisfy { $0.isFinite })
        for row in 0..<4 { #expect(abs(found[5 * row] - 1) < 1e-5) }
    }

    @Test func groupsAreBalancedByThemselvesWithTheSameBitsOnAllThreads() throws {
        let input = scores(30, 7, scale: 2)
        let groups = (0..<5).map { group in (0..<6).map { $0 * 5 + group } }
        func balanced(_ groups: [[Int]], _ threads: Int) throws -> [Float] {
            try Sinkhorn(iterations: 3)(
                input, groups: groups, temperature: 0.06,
                engine: Engine(threads: threads, poisonsBuffers: true)
            ).array
        }
        let one = try balanced(groups, 1)
        for threads in [2, 3, 5] { #expect(try balanced(groups, threads) == one) }
        #expect(try balanced(groups.reversed(), 2) == one)
        #expect(try balanced([Array(0..<30)], 1) != one)
    }

    // MARK: - Losses

    private func gradients(
        _ change: (inout CAPIOptions) -> Void
    ) throws -> (student: [[Float]], clustering: [[Float]]) {
        var method = method(change)
        let batch = batch()
        var tape = Tape(engine: try Engine(threads: 2))
        let loss = try method.loss(batch, mask(of: batch), CAPI.Draws(), StepRequest(), on: &tape).loss
        let gradients = tape.gradients(of: loss, for: method.parameters)
        let entries = method.parameters.entries
        func values(_ isClustering: Bool) -> [[Float]] {
            entries.filter { $0.name.hasPrefix(ClusteringHead.owner) == isClustering }.compactMap {
                gradients[$0.name]?.array
            }
        }
        return (values(false), values(true))
    }

    /// Another temperature of one loss, which no assignment depends on, changes the gradients of its own side alone.
    @Test func neitherLossReachesTheOtherSide() throws {
        let usual = try gradients { _ in }
        let clustering = try gradients { $0.clusteringTemperature = 0.5 }
        let student = try gradients { $0.studentTemperature = 0.5 }
        #expect(usual.clustering.count == 2 && usual.student.count > 20)
        #expect(clustering.student == usual.student && clustering.clustering != usual.clustering)
        #expect(student.clustering == usual.clustering && student.student != usual.student)
    }

    @Test func balancingACellNeedsTwoPictures() throws {
        let alone = batch([7])
        func loss(positionwise: Bool) throws -> Float {
            var method = method { $0.positionwise = positionwise }
            var tape = Tape(engine: try Engine(threads: 1))
            return try method.loss(alone, mask(of: alone), CAPI.Draws(), StepRequest(), on: &tape).loss.value.item
        }
        let thrown = #expect(throws: MethodError.self) { try loss(positionwise: true) }
        #expect(thrown.map { "\($0)" }?.contains("train.batch_size") == true)
        #expect(try loss(positionwise: false).isFinite)
    }

    // MARK: - What is shown

    /// Patches of one cluster have one colour in every picture, those of another another; predictions stand where there are any.
    @Test func clustersAreShownAsColours() throws {
        let (batch, engine) = (batch(), try Engine(threads: 2))
        var method = method()
        let mask = try mask(of: batch)
        var tape = Tape(engine: engine, recording: false)
        let shown = try method.loss(batch, mask, CAPI.Draws(), StepRequest(wantsImages: true), on: &tape).shown
        try #require(shown.map(\.name) == ["clusters of the patches", "clusters predicted of hidden patches"])
        #expect(shown[0].caution?.contains("8 clusters") == true)
        let features = method.map(of: batch.images, engine: engine)
        let weight = try #require(method.parameters["teacher.head.layer.weight"]).array
        let bias = try #require(method.parameters["teacher.head.layer.bias"]).array
        let (patches, width) = (Self.grid.count, 16)
        func colour(_ images: ShownImages, _ picture: Int, _ row: Int, _ column: Int) -> [Float] {
            (0..<3).map { images.images.array[((picture * 3 + $0) * 6 + row) * 8 + column] }
        }
        var colours: [Int: [Float]] = [:]
        for row in 0..<batch.samples.count * patches {
            let token = features.array[row * width..<(row + 1) * width]
            let length = token.reduce(0) { $0 + $1 * $1 }.squareRoot()
            let scores = bias.indices.map { cluster in
                zip(token, weight[cluster * width..<(cluster + 1) * width]).reduce(bias[cluster]) {
                    $0 + $1.0 * $1.1 / length
                }
            }
            let cluster = try #require(scores.indices.max { scores[$0] < scores[$1] })
            let (picture, patch) = (row / patches, row % patches)
            for (down, right) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
                let found = colour(shown[0], picture, 2 * (patch / 4) + down, 2 * (patch % 4) + right)
                #expect(found == colours[cluster, default: found], "picture \(picture), patch \(patch)")
                colours[cluster] = found
            }
        }
        #expect(colours.count > 1 && Set(colours.values).count == colours.count)
        for picture in 0..<batch.samples.count {
            let predicted = Set(mask.predicted(picture).map(Int.init))
            for patch in 0..<patches {
                let found = colour(shown[1], picture, 2 * (patch / 4), 2 * (patch % 4))
                #expect((Set(found).count > 1) == predicted.contains(patch), "\(picture), \(patch): \(found)")
            }
        }
    }

    // MARK: - Teacher and draws

    /// A falling momentum while the rate warms up, then a rising one; the clustering's rate beside it.
    @Test func momentumAndRateGoOverTheRun() throws {
        var method = method {
            $0.emaStart = 1
            $0.ema = [0.9, 1]
            $0.clusteringLearningRate = 0.5
        }
        var schedule = TruncatedCosineOptions()
        schedule.warmupEpochs = 2
        method.begin(RunLength(stepsPerEpoch: 5, epochs: 10), schedule)
        let momenta = (0..<50).map { method.momentum(at: $0) }
        let rates = (0..<50).map { method.ownSettings(at: $0)?.learningRate ?? .nan }
        #expect(momenta[0] == 1 && rates[0] == 0)
        #expect(abs(momenta[10] - 0.9) < 1e-12 && abs(rates[10] - 0.5) < 1e-12)
        for step in 1..<10 { #expect(momenta[step] < momenta[step - 1] && rates[step] > rates[step - 1]) }
        for step in 11..<50 { #expect(momenta[step] > momenta[step - 1] && rates[step] < rates[step - 1]) }
        // Under a constant rate the momentum still rises to its end.
        method.begin(RunLength(stepsPerEpoch: 5, epochs: 10), ConstantOptions())
        #expect(method.ownSettings(at: 49)?.learningRate == 0.5 && method.momentum(at: 49) > method.momentum(at: 0))
    }

    @Test func theTeacherFollowsByTheMomentumOfTheStep() throws {
        var method = method {
            $0.emaStart = 0.75
            $0.ema = [0.75, 0.75]
        }
        method.begin(RunLength(stepsPerEpoch: 1, epochs: 4), ConstantOptions())
        let name = "student.backbone.encoder.blocks.0.residual2.fn.fc1.weight"
        let copy = name.replacing("student.", with: "student_ema.")
        let kept = try #require(method.state[copy])
        let id = try #require(method.parameters.id(named: name))
        method.parameters.setValue(Tensor(filled: 1, kept.shape), for: id)
        method.finishStep(
            TrainingProgress(step: 0, stepsPerEpoch: 1, epochs: 4, accumulate: 1, scheduleScale: 1),
            engine: try Engine(threads: 1))
        let moved = try #require(method.state[copy])
        #expect(zip(moved.array, kept.array).allSatisfy { abs($0 - (0.75 * $1 + 0.25)) < 1e-6 })
        method.adoptParameters()
        #expect(method.state[copy]?.array.allSatisfy { $0 == 1 } == true)
    }

    /// Which pictures take part depends on them, not on their order; a branch for itself, always as many.
    @Test func aShareOfThePicturesTakesPartInEachBranch() throws {
        let method = method { $0.dropPath = 0.4 }
        func chosen(_ samples: [Int]) throws -> [[Int]] {
            let batch = batch(samples)
            let draws = try method.draws(for: batch, mask(of: batch), random: RandomStream(seed: 7))
            let branches = try #require(draws.encoder) + #require(draws.predictor)
            return branches.flatMap { [$0.attention, $0.perceptron] }.map { branch in
                (branch?.images ?? []).map { samples[$0] }.sorted()
            }
        }
        let found = try chosen([3, 1, 4, 15, 9])
        #expect(found.count == 8 && found.allSatisfy { $0.count == 3 && Set($0).count == 3 })
        #expect(Set(found).count > 2)
        #expect(try chosen([9, 15, 4, 1, 3]) == found)
        #expect(ChosenImages.count(of: 5, rate: 0.99) == 1 && ChosenImages.count(of: 5, rate: 0) == 5)
        let all = self.method { $0.dropPath = 0 }
        #expect(try all.draws(for: batch(), mask(of: batch()), random: RandomStream(seed: 7)).encoder == nil)
    }
}
