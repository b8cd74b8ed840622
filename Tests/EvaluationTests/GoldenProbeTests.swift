import Autodiff
import Foundation
import TestSupport
import Testing
import Verification

@Suite struct GoldenProbeTests {
    @Test(
        .enabled(if: SharedFiles.isPresent),
        arguments: [
            "evaluation/fewshot-lsr-dual", "evaluation/fewshot-lsr-primal", "evaluation/knn-ties",
            "evaluation/knn-weighted", "evaluation/logreg-binary", "evaluation/logreg-separable",
            "evaluation/logreg-softmax", "evaluation/probe-mae", "evaluation/uncertainty", "mae/linprobe_steps",
            "mae/linprobe_decay_schedule",
        ])
    func goldenCasesAreMetWithinTheirTolerance(_ name: String) throws {
        let verifier = Verifier(engine: try Engine(threads: 1))
        let result = verifier.run(folder: SharedFiles.url("golden/\(name)").path)
        #expect(result.passed, "\(result.error ?? "\(result.worstTensor): \(result.worst) of its tolerance")")
    }
}
