import RecipeSchema
import TestSupport
import Testing

private enum Shade: String, RecipeEnum { case light, dark }

private struct Inner: RecipeSection {
    var cell = 1
    static let fields: [Field<Self>] = [Field("cell", \.cell, in: .atLeast(1), "Side.")]
}

private struct Square: NamedSection {
    static let name = "square"
    var side = 2.0
    static let fields: [Field<Self>] = [Field("side", \.side, in: .above(0), "Side.")]
}

private struct Disc: NamedSection {
    static let name = "disc"
    var radius = 1.0
    static let fields: [Field<Self>] = [Field("radius", \.radius, in: .above(0), "Radius.")]
    func check() -> [String] { radius > 9 ? ["the disc is too large"] : [] }
}

private let shapes = Catalogue<any NamedSection.Type>("shape", [Square.self, Disc.self]) { $0 }

private struct Sample: RecipeSection {
    var ratio = 0.75
    var count: Int? = nil
    var shade = Shade.light
    var sizes = [1, 2]
    var inner = Inner()
    var shape: any NamedSection = Square()
    static let fields: [Field<Self>] = [
        Field("ratio", \.ratio, in: .range(0.0..<1.0), "Share."),
        Field("count", \.count, in: .atLeast(1), "Number."),
        Field("shade", \.shade, "Shade."),
        Field("sizes", \.sizes, in: .list(1...4, of: .closed(1...9)), "Sizes."),
        Field("inner", \.inner, "Part."),
        Field(
            "shape", \.shape, tag: "kind", among: shapes, "Shape.", open: { $0 }, close: { $0 }),
    ]
}

private func problems(_ text: String, set: [String] = []) throws -> [String] {
    var json = try JSONParser.parse(text)
    for assignment in set { try json.set(assignment) }
    var problems: [Problem] = []
    _ = Sample.decode(json, at: "$", &problems)
    return Problems(problems).list.map(\.description)
}

struct RecipeSectionTests {
    @Test func absentKeysKeepTheirDefaults() throws {
        var problems: [Problem] = []
        let sample = Sample.decode(try JSONParser.parse("{\"ratio\": 0.5}"), at: "$", &problems)
        #expect(sample?.ratio == 0.5 && sample?.sizes == [1, 2] && problems.isEmpty)
    }

    @Test func everyFaultIsReportedAtOnceWithItsPlace() throws {
        let text = """
            {"ration": 0.5,
             "ratio": 1,
             "count": 0,
             "shade": "darc",
             "sizes": [1, "two", 3.5],
             "inner": {"cell": "half", "sell": 1},
             "shape": {"kind": "disk"}}
            """
        #expect(
            try problems(text) == [
                "line 1: $.ration: unknown key; did you mean \"ratio\"?",
                "line 2: $.ratio: found 1, allowed is a number ≥ 0 and < 1",
                "line 3: $.count: found 0, allowed is an integer ≥ 1 and ≤ 9007199254740991 or null",
                "line 4: $.shade: found \"darc\", allowed is one of \"light\", \"dark\"; did you mean \"dark\"?",
                "line 5: $.sizes[1]: found a string \"two\", expected an integer",
                "line 5: $.sizes[2]: found 3.5, expected an integer",
                "line 6: $.inner.cell: found a string \"half\", expected an integer",
                "line 6: $.inner.sell: unknown key; did you mean \"cell\"?",
                "line 7: $.shape.kind: found \"disk\", allowed is one of \"square\", \"disc\"; did you mean \"disc\"?",
            ])
    }

    @Test func faultsBetweenOptionsAreReported() throws {
        #expect(
            try problems("{\"shape\": {\"kind\": \"disc\", \"radius\": 10}}")
                == ["line 1: $.shape: the disc is too large"])
        #expect(
            try problems("{\"shape\": {\"radius\": 10}}")
                == ["line 1: $.shape: the key \"kind\" is missing; allowed is one of \"square\", \"disc\""])
        #expect(
            try problems("{\"shape\": {\"kind\": \"disc\", \"side\": 10}}")
                == ["line 1: $.shape.side: unknown key; known are radius, kind"])
    }

    @Test func overridesGoThroughTheSameGate() throws {
        #expect(try problems("{}", set: ["ratio=0.25", "inner.cell=3", "shade=dark", "sizes=[4]"]) == [])
        #expect(
            try problems("{\"ratio\": 0.5}", set: ["ratio=2", "inner.sell=1"]) == [
                "--set ratio: found 2, allowed is a number ≥ 0 and < 1",
                "--set inner.sell: unknown key; did you mean \"cell\"?",
            ])
        #expect(throws: Problem.self) { try problems("{}", set: ["ratio"]) }
        #expect(throws: Problem.self) { try problems("{\"ratio\": 1}", set: ["ratio.x=1"]) }
        #expect(throws: Problem.self) { try problems("{}", set: [".x=1"]) }
    }

    @Test func aFaultOfOneKeyHidesNoOther() throws {
        let disc = #""shape": {"kind": "disc", "radius": 10, "rim": 1}"#
        #expect(
            try problems("{\"ratio\": 7, \(disc)}") == [
                "line 1: $.ratio: found 7, allowed is a number ≥ 0 and < 1",
                "line 1: $.shape.rim: unknown key; known are radius, kind", "line 1: $.shape: the disc is too large",
            ])
    }

    @Test func sentencesAboutUnreadableKeysAreNotTold() {
        let sentences = ["heads 5 is above width 4", "ratio 2", "frequency_loss.patch_factor is 3"]
        #expect(faults(sentences, besides: ["width"]) == ["ratio 2", "frequency_loss.patch_factor is 3"])
        #expect(faults(sentences, besides: ["frequency_loss.loss_gamma", "rat"]) == Array(sentences.prefix(2)))
    }

    @Test(
        arguments: [
            ("9223372036854775808", "found 9223372036854775808, allowed is an integer from 1 to 9"),
            ("1e300", "found 1e300, allowed is an integer from 1 to 9"),
            ("2.5", "found 2.5, allowed is an integer from 1 to 9"),
            ("\"NaN\"", "found a string \"NaN\", expected an integer"), ("null", "found null, expected an integer"),
            ("3.0", nil), ("1e0", nil),
        ] as [(String, String?)])
    func numbersAreToldTheirRange(text: String, message: String?) throws {
        struct Small: RecipeSection {
            var number = 1
            static let fields: [Field<Self>] = [Field("number", \.number, in: .closed(1...9), "Number.")]
        }
        var problems: [Problem] = []
        _ = Small.decode(try JSONParser.parse("{\"number\": \(text)}"), at: "$", &problems)
        #expect(problems.first?.message == message && problems.count == (message == nil ? 0 : 1))
    }

    @Test func typesOfOthersAreReadOnceTheyAreRegistered() throws {
        struct Ring: NamedSection {
            static let name = "ring"
            static let fields: [Field<Self>] = []
        }
        struct OtherRing: NamedSection {
            static let name = "ring"
            static let fields: [Field<Self>] = []
        }
        let catalogue = Catalogue<any NamedSection.Type>("shape", [Square.self]) { $0 }
        #expect(catalogue.named("ring") == nil && catalogue.missing("rong") == "found \"rong\", allowed is \"square\"")
        try catalogue.register(Ring.self)
        try catalogue.register(Ring.self)
        #expect(catalogue.names == ["square", "ring"] && catalogue.missing("rong").hasSuffix("did you mean \"ring\"?"))
        #expect(throws: CatalogueError.self) { try catalogue.register(OtherRing.self) }
    }

    @Test func longNamesAndManyOfThemTakeNoTime() throws {
        let long = String(repeating: "x", count: 1_000_000)
        let keys = (0..<20_000).map { "\"k\($0)\": 1" }.joined(separator: ", ")
        let seconds = try processorSeconds {
            let found = try problems("{\"\(long)\": 1, \(keys)}")
            #expect(found.count == 20_001 && found.allSatisfy { $0.utf8.count < 300 })
        }
        #expect(seconds < 20)
    }

    @Test func encodingReadsBackAndNamesTheChoice() throws {
        var sample = Sample()
        sample.count = 4
        sample.shape = Disc(radius: 3)
        var problems: [Problem] = []
        let back = Sample.decode(try JSONParser.parse(sample.encoded.text()), at: "$", &problems)
        #expect(back?.encoded == sample.encoded && problems.isEmpty)
        #expect(sample.encoded["shape"]?["kind"]?.string == "disc")
    }

    @Test func schemaSaysRangesDefaultsAndChoices() {
        let schema = Sample.schema
        #expect(schema["additionalProperties"]?.bool == false)
        #expect(schema["properties"]?["ratio"]?["exclusiveMaximum"]?.double == 1)
        #expect(schema["properties"]?["ratio"]?["default"]?.double == 0.75)
        #expect(schema["properties"]?["shape"]?["allOf"]?.array?.count == 2)
        #expect(schema["properties"]?["count"]?["oneOf"]?.array?.last?["minimum"]?.int == 1)
        #expect(schema["properties"]?["sizes"]?["items"]?["maximum"]?.int == 9)
    }

    @Test(
        arguments: [("ration", "ratio"), ("rtaio", "ratio"), ("colour", "color"), ("xyz", nil)] as [(String, String?)])
    func nearNamesAreGuessed(name: String, guess: String?) {
        #expect(nearest(to: name, among: ["ratio", "color", "strategy"]) == guess)
    }
}
