import ImageData
import RecipeSchema
import TestSupport
import Testing

/// `data.missing_value`: numbers that are no data take the mean of the others, and never count as data.
@Suite struct MissingValueTests {
    /// A folder with one array [height, width, bands] of 32-bit floats, or of 16-bit integers where `integers` says so.
    private func folder(_ values: [Double], _ shape: [Int], integers: Bool = false) throws
        -> TestSupport.TemporaryFolder
    {
        let home = try TestSupport.TemporaryFolder()
        let list = shape.map(String.init).joined(separator: ", ")
        let type = integers ? "<i2" : "<f4"
        let text = "{'descr': '\(type)', 'fortran_order': False, 'shape': (\(list)), }"
        let header = text + String(repeating: " ", count: 117 - text.utf8.count) + "\n"
        let bytes = values.flatMap { value -> [UInt8] in
            let bits = integers ? UInt32(UInt16(bitPattern: Int16(value))) : Float(value).bitPattern
            return (0..<(integers ? 2 : 4)).map { UInt8(bits >> (8 * $0) & 255) }
        }
        try home.write([0x93] + Array("NUMPY".utf8) + [1, 0, 118, 0] + Array(header.utf8) + bytes, "a.npy")
        return home
    }

    private func image(_ home: TestSupport.TemporaryFolder, _ missing: MissingValue?) throws -> DecodedImage {
        var options = DataOptions()
        var source = ImagesSourceOptions()
        source.path = home.path
        options.source = source
        options.missingValue = missing
        options.arrayLayout = .hwc
        return try options.open(.train, cards: DatasetCards(folders: [])).image(0)
    }

    @Test func aMissingNumberTakesTheMeanOfItsBand() throws {
        // Two bands, of which the first misses a number and the second none.
        let home = try folder([1, 10, -9999.9, 20, 3, 30], [1, 3, 2])
        let filled = try image(home, .number(-9999.9))
        #expect(filled.samples == .float32([1, 10, 2, 20, 3, 30]), "-9999.9 as single precision has it")
        #expect(try image(home, nil).samples == .float32([1, 10, -9999.9, 20, 3, 30]))
        #expect(try image(home, .number(-9999)).samples == .float32([1, 10, -9999.9, 20, 3, 30]))
    }

    @Test func whatIsNoNumberCanBeMissing() throws {
        let home = try folder([.nan, 4, 8, .nan], [2, 2, 1])
        #expect(try image(home, .nan).samples == .float32([6, 4, 8, 6]))
    }

    @Test func integersAreRounded() throws {
        let home = try folder([-32768, 1, 2, 4], [2, 2, 1], integers: true)
        #expect(try image(home, .number(-32768)).samples == .int16([2, 1, 2, 4]))
    }

    @Test func aBandOfNothingElseIsUnreadable() throws {
        let home = try folder([1, 0, 2, 0], [1, 2, 2])
        let error = try #require(throws: ImageError.self) { try image(home, .number(0)) }
        #expect(error.message.contains("band 1, counted from 0, holds nothing but the missing value"))
    }

    @Test(arguments: ["-9999", "0", "65535", "\"nan\"", "1e38"])
    func recipesHoldIt(text: String) throws {
        var problems: [Problem] = []
        let json = try JSONParser.parse(Array("{\"missing_value\": \(text)}".utf8))
        let options = try #require(DataOptions.decode(json, at: "data", &problems))
        #expect(options.missingValue?.encoded == json["missing_value"])
    }

    @Test(arguments: ["\"none\"", "1e39", "true", "[0]", "{}"])
    func otherValuesAreRefused(text: String) throws {
        var problems: [Problem] = []
        let json = try JSONParser.parse(Array("{\"missing_value\": \(text)}".utf8))
        #expect(DataOptions.decode(json, at: "data", &problems) == nil)
        #expect(problems.count == 1 && problems[0].message.contains("allowed is a number"), "\(problems)")
    }
}
