import ImageMasking
import RecipeSchema
import Testing

struct BlockMaskingTests {
    @Test(arguments: [(14, 14, 98), (8, 8, 32), (6, 8, 24), (7, 5, 17), (2, 2, 2)])
    func exactlyHalfIsHiddenInIncreasingOrder(rows: Int, columns: Int, count: Int) throws {
        let grid = PatchGrid(rows: rows, columns: columns)
        let request = MaskRequest(grid: grid, samples: Array(0..<20))
        guard case .patches(let mask) = try BlockMasking().plan(request, random: RandomStream(seed: 4)) else { return }
        #expect(grid.count - mask.visibleCount == count)
        for image in 0..<20 {
            #expect(Array(mask.visible(image)) == mask.visible(image).sorted())
            #expect(Array(mask.hidden(image)) == mask.hidden(image).sorted())
        }
    }

    @Test func aBlockThatAddsMoreThanThereIsRoomForIsPassedOver() {
        var strategy = BlockMasking()
        strategy.numMasked = 5
        strategy.minPatches = 4
        strategy.minAspect = 1
        let grid = PatchGrid(rows: 4, columns: 4)
        // 2 x 2 at the top left; again, adding nothing; at the bottom right, more than the one patch of room; one row and column
        // further, adding three; then beside the first, with an area between 4 and 1.
        var draws = [(0.0, 0.0, 0.0), (0, 0, 0), (0, 0.99, 0.99), (0, 0.4, 0.4), (1, 0, 0.99)].makeIterator()
        let mask = strategy.draw(on: grid) {
            let (area, top, left) = draws.next() ?? (0, 0, 0)
            return BlockMasking.DrawnBlock(area: area, aspect: 0.5, top: top, left: left)
        }
        #expect(mask?.attempts == 5 && mask?.blocks == 2)
        #expect(mask?.hidden.indices.filter { mask?.hidden[$0] == true } == [0, 1, 3, 4, 5])
    }

    @Test(arguments: [
        ("{\"min_patches\": 16}", 4, 4, "min_patches 16 is more than the 8 patches to be hidden"),
        ("{}", 1, 9, "do not add up to 4 hidden patches"),
        ("{\"num_masked\": 16}", 4, 4, "num_masked 16 leaves none of 16 patches visible"),
        ("{\"ratio\": 0.01}", 4, 4, "ratio 0.01 hides none of 16 patches"),
    ])
    func gridsWhereItCannotEndAreRefused(text: String, rows: Int, columns: Int, expected: String) throws {
        var problems: [Problem] = []
        let strategy = try #require(BlockMasking.decode(try JSONParser.parse(text), at: "$.mask", &problems))
        let grid = PatchGrid(rows: rows, columns: columns)
        #expect(strategy.faults(on: grid).first?.contains(expected) == true)
        #expect(throws: MaskingError.self) {
            try strategy.plan(MaskRequest(grid: grid, samples: [0]), random: RandomStream(seed: 0))
        }
    }

    @Test func onlyOneWayToSayHowManyIsAllowed() throws {
        var problems: [Problem] = []
        let json = try JSONParser.parse("{\"num_masked\": 4, \"ratio\": 0.5}")
        #expect(BlockMasking.decode(json, at: "$.mask", &problems) == nil)
        #expect(problems.first?.message.contains("remove one") == true)
    }

    @Test(arguments: [(14, 14, 16), (8, 8, 5), (4, 4, 1), (1, 1, 1), (7, 5, 3)])
    func theLeastBlockFollowsTheGrid(rows: Int, columns: Int, patches: Int) {
        #expect(BlockMasking().leastPatches(on: PatchGrid(rows: rows, columns: columns)) == patches)
    }
}
