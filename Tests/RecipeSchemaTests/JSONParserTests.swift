import RecipeSchema
import Testing

struct JSONParserTests {
    @Test func valuesKeepTheirLines() throws {
        let value = try JSONParser.parse("{\n  \"a\": 1,\n  \"b\": [true,\n null]\n}")
        #expect(value.members?.map(\.line) == [2, 3])
        #expect(value["b"]?.array?.map(\.line) == [3, 4])
        #expect(value["a"]?.int == 1)
    }

    @Test(arguments: [
        ("", 1, "found the end of the text, expected a value"),
        ("{\"a\": 1, \"a\": 2}", 1, "the name \"a\" occurs twice in one object"),
        ("[1,\n2,]", 2, "found ',' in front of ']', which JSON does not have; remove the comma"),
        ("{\"a\": 1, }", 1, "found ',' in front of '}', which JSON does not have; remove the comma"),
        ("[01]", 1, "a number may not begin with 0"),
        ("{\"a\" 1}", 1, "found '1', expected ':' after \"a\""),
        ("// note\n{}", 1, "found a comment, which JSON does not have; remove it"),
        ("{\"a\": 1 # note\n}", 1, "found a comment, which JSON does not have; remove it"),
        ("{\n/* note */ \"a\": 1}", 2, "found a comment, which JSON does not have; remove it"),
        ("{} // note", 1, "found a comment, which JSON does not have; remove it"),
        ("{'a': 1}", 1, "found a single quotation mark; strings stand in double ones: \"…\""),
        ("[True]", 1, "found True, which JSON writes as true"), ("[None]", 1, "found None, which JSON writes as null"),
        ("[NaN]", 1, "found a number that is not finite, which JSON does not have"),
        ("[-Infinity]", 1, "found a number that is not finite, which JSON does not have"),
        (
            "\u{FEFF}{}", 1,
            "found a byte-order mark in front of the text, which JSON does not have; save the file as UTF-8 without it"
        ),
        ("\"\\ud800\"", 1, "half of a surrogate pair"),
        ("\"a\nb\"", 1, "found a control character in a string; write it as an escape"),
        ("1 2", 1, "found more text after the end of the value"),
        ("nul", 1, "found the end of the text, expected null"),
        ("1.", 1, "found the end of the text, expected a digit after the point"),
    ])
    func faultsSayWhereAndWhat(text: String, line: Int, message: String) {
        #expect {
            try JSONParser.parse(text)
        } throws: { error in
            let fault = error as? JSONSyntaxError
            return fault?.line == line && fault?.message == message
        }
    }

    @Test func deepNestingAndBadUTF8AreRefused() throws {
        _ = try JSONParser.parse(String(repeating: "[", count: 128) + String(repeating: "]", count: 128))
        #expect(throws: JSONSyntaxError.self) {
            try JSONParser.parse(String(repeating: "[", count: 100_000))
        }
        #expect(throws: JSONSyntaxError.self) { try JSONParser.parse([0x22, 0xC3, 0x28, 0x22]) }
        #expect {
            try JSONParser.parse([0xFF, 0xFE, 0x7B, 0])
        } throws: { "\($0)".contains("the text is UTF-16") }
    }

    @Test func whatIsQuotedStaysOnItsLine() {
        let fault = #expect(throws: JSONSyntaxError.self) {
            try JSONParser.parse("{\"a\\nb\\u001b[2J\": 1, \"a\\nb\\u001b[2J\": 2}")
        }
        #expect(fault?.description == "line 1, column 37: the name \"a\\nb\\x1b[2J\" occurs twice in one object")
    }

    @Test(arguments: [0.1, -1e-300, 1e22, 0x1p-1074, 123456789.125, 0, -3])
    func doublesReadBackToTheSameBits(value: Double) throws {
        #expect(try JSONParser.parse(JSONValue(value).text()).double == value)
    }

    @Test func textReadsBack() throws {
        let value = JSONValue.object([
            ("quote\"\\\n\u{1}é😀", JSONValue("é\t")), ("list", JSONValue([.null, JSONValue(true), JSONValue(1.5)])),
            ("empty", .object([])), ("nested", .object([("deep", JSONValue([JSONValue([JSONValue(1)])]))])),
        ])
        #expect(try JSONParser.parse(value.text()) == value)
        #expect(try JSONParser.parse(value.text(pretty: true)) == value)
        #expect(JSONValue([JSONValue(1), JSONValue(2)]).text(pretty: true) == "[1, 2]")
    }

    @Test func everyPrefixAndEveryChangedByteGivesAValueOrAFault() {
        let text = Array("{\"a\": [1.5e-3, \"x\\u00e9\\n\"], \"b\": {\"c\": null, \"d\": true}}".utf8)
        for end in 0...text.count { _ = try? JSONParser.parse(Array(text[..<end])) }
        for i in text.indices {
            for byte in [0, 0x22, 0x5C, 0x7B, 0xFF] as [UInt8] {
                var changed = text
                changed[i] = byte
                _ = try? JSONParser.parse(changed)
            }
        }
        #expect((try? JSONParser.parse(text)) != nil)
    }
}
