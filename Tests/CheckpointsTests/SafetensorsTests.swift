import Checkpoints
import Foundation
import RecipeSchema
import TestSupport
import Testing

@Suite struct SafetensorsTests {
    static let sample = SafetensorsFile(
        [
            ("bytes", StoredTensor([UInt8(1), 2, 3])), ("truth", StoredTensor([true, false])),
            ("weights", StoredTensor([Float(1.5), -2, 0, 4, 5, 6], shape: [2, 3])),
            ("a/é \"quoted\"\n", StoredTensor([Int32(-7)], shape: [])), ("long", StoredTensor([Int64(9)])),
            ("nothing", StoredTensor([Float](), shape: [0, 4])),
        ], metadata: ["format": "pt", "recipe": "{\"a\": 1}"])

    @Test(.enabled(if: SharedFiles.isPresent)) func goldenFilesAreTakenAndRefusedAsStated() throws {
        let folder = SharedFiles.url("golden/interop/safetensors-files")
        let listing = try JSONParser.parse([UInt8](Data(contentsOf: folder.appendingPathComponent("case.json"))))
        let files = try #require(listing["files"]?.array)
        #expect(files.count == 33)
        for row in files {
            let name = try #require(row["file"]?.string)
            let accept = try #require(row["we_accept"]?.bool as Bool?)
            let path = folder.appendingPathComponent(name).path
            let bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
            if accept {
                let file = try Safetensors.read(path)
                #expect(try Safetensors.read(bytes) == file)
                for tensor in file.tensors.values where tensor.dtype == .float32 && tensor.count == 2 {
                    #expect(tensor.floats() == [1.5, -2])
                }
            } else {
                let error = #expect(throws: CheckpointError.self, "\(name)") { try Safetensors.read(path) }
                #expect(error?.kind == .invalid)
                #expect(throws: CheckpointError.self, "\(name)") { try Safetensors.read(bytes) }
            }
        }
    }

    @Test func whatIsWrittenReadsBackEqual() throws {
        let folder = try TemporaryFolder()
        try Safetensors.write(Self.sample, to: "\(folder.path)/a.safetensors")
        let back = try Safetensors.read("\(folder.path)/a.safetensors")
        #expect(back.tensors == Self.sample.tensors)
        #expect(back.metadata == Self.sample.metadata)
        #expect(try folder.read("a.safetensors") == Safetensors.bytes(of: Self.sample))
        #expect(try folder.names() == ["a.safetensors"])
    }

    @Test func dataAreAlignedAndOrderedAsTheReferenceWriterDoes() throws {
        let bytes = Safetensors.bytes(of: Self.sample)
        let length = bytes[0..<8].reversed().reduce(0) { $0 << 8 | Int($1) }
        #expect((8 + length) % 8 == 0)
        let names = try JSONParser.parse([UInt8](bytes[8..<(8 + length)])).members?.map(\.name)
        #expect(names == ["__metadata__", "long", "nothing", "weights", "a/é \"quoted\"\n", "bytes", "truth"])
    }

    @Test(.enabled(if: SharedFiles.isPresent)) func aGoldenFileIsWrittenInItsOwnOrder() throws {
        let path = SharedFiles.url("golden/evaluation/uncertainty/tensors.safetensors").path
        let file = try Safetensors.read(path)
        #expect(try Safetensors.read(Safetensors.bytes(of: file)).names == file.names)
    }

    @Test(arguments: [
        (
            #"{"w":{"dtype":"F8_E4M3","shape":[8],"data_offsets":[0,8]}}"#,
            "x: the tensor \"w\" has the element type \"F8_E4M3\"; we read BF16, BOOL, F16, F32, F64, I16, I32, I64, I8, U16, U32, U64, U8"
        ),
        (
            #"{"w":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}}"#,
            "x: the tensor \"w\" has 8 bytes for the shape [3] of F32, which takes 12"
        ),
        (
            #"{"w":{"dtype":"F32","shape":[2],"data_offsets":[0,9]}}"#,
            "x: the tensor \"w\" lies at bytes 0 to 9; the file has 8 bytes of data"
        ),
        (
            #"{"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#,
            "x: the tensors take 4 bytes, the file has 8 bytes of data"
        ),
        (
            #"{"w":{"dtype":"F32","shape":[0,9223372036854775807,2],"data_offsets":[0,0]}}"#,
            "x: the tensor \"w\" has the shape [0, 9223372036854775807, 2], which is more than can be addressed"
        ),
        (
            #"{"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"v":{"dtype":"F32","shape":[1],"data_offsets":[2,6]}}"#,
            "x: the tensor \"v\" overlaps another: it begins at byte 2 of the data, the tensors before it end at 4"
        ),
        (
            #"{"__metadata__":{"k":1},"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#,
            "x: \"k\" of __metadata__ is not a string; only strings are allowed"
        ),
    ])
    func errorsNameTensorFindingAndRule(_ header: String, _ message: String) {
        let bytes = Self.file(header, data: 8)
        let error = #expect(throws: CheckpointError.self) { try Safetensors.read(bytes, path: "x") }
        #expect(error?.description == message)
    }

    /// Flips, cuts and splices of a good file give a value or an error, and never more tensor bytes than the file has.
    @Test func damagedFilesGiveAValueOrAnError() {
        var random = Seeded(state: 1)
        let good = Safetensors.bytes(of: Self.sample)
        var refused = 0
        for _ in 0..<20_000 {
            var bytes = good
            for _ in 0...(random.next() % 4) {
                let place = Int(random.next() % UInt64(bytes.count))
                switch random.next() % 4 {
                case 0: bytes[place] ^= 1 << UInt8(random.next() % 8)
                case 1: bytes[place] = UInt8(truncatingIfNeeded: random.next())
                case 2: bytes.removeLast(Int(random.next() % UInt64(bytes.count)))
                default: bytes.insert(contentsOf: bytes[place...].prefix(Int(random.next() % 20)), at: place)
                }
                if bytes.isEmpty { break }
            }
            do {
                let file = try Safetensors.read(bytes)
                #expect(file.tensors.values.reduce(0) { $0 + $1.bytes.count } <= bytes.count)
            } catch {
                refused += 1
            }
        }
        #expect(refused > 10_000)
    }

    @Test func foldersPipesAndMissingFilesAreErrors() throws {
        let folder = try TemporaryFolder()
        mkfifo("\(folder.path)/pipe", 0o600)
        for name in ["", "/pipe", "/missing"] {
            let error = #expect(throws: CheckpointError.self) { try Safetensors.read(folder.path + name) }
            #expect(error?.kind == .unreadable)
        }
    }

    @Test func aFileFullOfHolesIsNotRead() throws {
        let folder = try TemporaryFolder()
        try folder.write(Self.file("{}", data: 0), "sparse")
        guard truncate("\(folder.path)/sparse", 1 << 43) == 0 else { return }  // a file system without such files
        #expect(throws: CheckpointError.self) { try Safetensors.read("\(folder.path)/sparse") }
    }

    @Test func removedAndReplacedTensorsKeepTheOrderOfNames() {
        var file = Self.sample
        file["truth"] = nil
        file["bytes"] = StoredTensor([UInt8(9)])
        file["new"] = StoredTensor([UInt8(9)])
        #expect(file.names == ["bytes", "weights", "a/é \"quoted\"\n", "long", "nothing", "new"])
        #expect(Set(file.names) == Set(file.tensors.keys))
    }

    static func file(_ header: String, data: Int) -> [UInt8] {
        let json = [UInt8](header.utf8)
        return (0..<8).map { UInt8(truncatingIfNeeded: json.count >> (8 * $0)) } + json
            + [UInt8](repeating: 0, count: data)
    }
}

/// A small seeded generator (SplitMix64), so that a failure can be repeated.
struct Seeded: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = (state ^ (state >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return z ^ (z >> 31)
    }
}

struct HalfPrecisionTests {
    /// Every number of half precision is its own nearest; halves between two go to the even one; nothing beyond the largest has bits.
    @Test func singlePrecisionIsRoundedToTheNearestEven() {
        for bits in UInt16.min...UInt16.max where bits >> 10 & 0x1f != 31 {
            let value = HalfPrecision.float(half: bits)
            #expect(HalfPrecision.bits(of: value) == bits)
            guard bits & 0x7fff < 0x7bff else { continue }
            let next = HalfPrecision.float(half: bits + 1)
            let even = bits & 1 == 0 ? bits : bits + 1
            #expect(HalfPrecision.bits(of: (value + next) / 2) == even)
            #expect(HalfPrecision.bits(of: value + (next - value) * 0.75) == bits + 1)
        }
        #expect(HalfPrecision.bits(of: 65519.99) == 0x7bff && HalfPrecision.bits(of: 65520) == nil)
        #expect(HalfPrecision.bits(of: .infinity) == nil && HalfPrecision.bits(of: .nan) == nil)
        #expect(HalfPrecision.bits(of: -1e-30) == 0x8000)
    }
}
