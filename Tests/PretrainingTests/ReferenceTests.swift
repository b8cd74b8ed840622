import Foundation
import Pretraining
import TestSupport
import Testing

struct ReferenceTests {
    @Test func theShippedReferenceIsThatOfTheTables() throws {
        let file = SharedFiles.packageRoot.appendingPathComponent("docs/reference.md")
        let shipped = try String(contentsOf: file, encoding: .utf8)
        #expect(
            shipped == Reference.markdown,
            "write it anew: pretrain recipes schema --format markdown > docs/reference.md")
    }
}
