import Autodiff
import CPalimpsestKernels
import Testing

/// Counts how often each task ran, and on which worker; tasks write to places of their own.
private final class TaskCounter {
    var runs: [Int32]
    var worker: [Int]

    init(_ tasks: Int) {
        runs = .init(repeating: 0, count: tasks)
        worker = .init(repeating: -1, count: tasks)
    }

    func run(_ engine: KernelEngine) {
        let count = runs.count
        runs.withUnsafeMutableBufferPointer { runs in
            worker.withUnsafeMutableBufferPointer { worker in
                var places = (runs: runs, worker: worker)
                withUnsafeMutablePointer(to: &places) { context in
                    pal_engine_run(
                        engine.pointer, count,
                        { context, task, worker in
                            typealias Places = (
                                runs: UnsafeMutableBufferPointer<Int32>, worker: UnsafeMutableBufferPointer<Int>
                            )
                            guard let places = context?.assumingMemoryBound(to: Places.self).pointee else { return }
                            places.runs[task] += 1
                            places.worker[task] = worker
                        }, context)
                }
            }
        }
    }
}

@Suite struct ThreadPoolTests {
    @Test(arguments: [1, 2, 3, 7], [0, 1, 2, 3, 100, 10_000])
    func everyTaskRunsOnceOnAKnownWorker(_ threads: Int, _ tasks: Int) {
        let engine = KernelEngine(threads: threads, level: .portable)
        #expect(pal_engine_threads(engine.pointer) == threads)
        let counter = TaskCounter(tasks)
        counter.run(engine)
        #expect(counter.runs.allSatisfy { $0 == 1 })
        #expect(counter.worker.allSatisfy { (0..<threads).contains($0) })
    }

    /// A late worker must neither run a task of a job that has ended, nor miss one of the job that came next.
    @Test(arguments: [2, 3, 7])
    func manySmallRegionsFollowEachOther(_ threads: Int) {
        let engine = KernelEngine(threads: threads, level: .portable)
        for tasks in 0..<20_000 {
            let counter = TaskCounter(tasks % 7)
            counter.run(engine)
            #expect(counter.runs.allSatisfy { $0 == 1 })
        }
    }

    /// More tasks than fit into a ticket.
    @Test func millionsOfTasksRunOnceEach() {
        let counter = TaskCounter(2_100_000)
        counter.run(KernelEngine(threads: 2, level: .portable))
        #expect(counter.runs.allSatisfy { $0 == 1 })
    }

    /// Long enough apart for the workers to have gone to sleep.
    @Test func sleepingWorkersAreNotNeededButWakeUp() async throws {
        let engine = KernelEngine(threads: 3, level: .portable)
        for _ in 0..<20 {
            try await Task.sleep(for: .milliseconds(3))
            let counter = TaskCounter(50)
            counter.run(engine)
            #expect(counter.runs.allSatisfy { $0 == 1 })
        }
    }

    @Test func scratchIsAlignedLargeEnoughAndKept() {
        let engine = KernelEngine(threads: 2, level: .portable)
        let first = pal_engine_scratch(engine.pointer, 0, 1000)
        #expect(Int(bitPattern: first) % 64 == 0)
        first.update(repeating: 1, count: 1000)
        #expect(pal_engine_scratch(engine.pointer, 0, 500) == first)
        let other = pal_engine_scratch(engine.pointer, 1, 1000)
        other.update(repeating: 2, count: 1000)
        #expect((0..<1000).allSatisfy { first[$0] == 1 })
        let large = pal_engine_scratch(engine.pointer, 0, 3_000_000)
        large.update(repeating: 3, count: 3_000_000)
        #expect(large[2_999_999] == 3 && other[999] == 2)
    }

    @Test func theLevelIsLoweredToTheProcessors() {
        let best = pal_isa_best()
        let engine = KernelEngine(threads: 1, level: .avx512)
        #expect(pal_engine_isa(engine.pointer).rawValue == best.rawValue)
        let lowest = KernelEngine(threads: 1, level: .portable)
        #expect(pal_engine_isa(lowest.pointer) == PAL_ISA_PORTABLE)
        #expect(String(cString: pal_isa_name(PAL_ISA_AVX2)) == "avx2")
    }
}
