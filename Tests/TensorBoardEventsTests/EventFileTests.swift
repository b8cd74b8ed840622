import Foundation
import TensorBoardEvents
import TestSupport
import Testing

/// The events of a file, read by the description of the format alone.
private struct EventReader {
    struct Problem: Error {}
    /// Fields of a message: their numbers and contents.
    typealias Fields = [(field: Int, bytes: [UInt8])]

    /// The messages of the whole records of a file.
    static func events(_ file: [UInt8]) throws -> [Fields] {
        var (place, events): (Int, [Fields]) = (0, [])
        while place + 12 <= file.count {
            let count = Int(number(file[place..<place + 8]))
            let length = Array(file[place..<place + 8])
            guard number(file[place + 8..<place + 12]) == UInt64(CRC32C.masked(length)) else { throw Problem() }
            guard place + 16 + count <= file.count else { break }
            let event = Array(file[place + 12..<place + 12 + count])
            guard number(file[place + 12 + count..<place + 16 + count]) == UInt64(CRC32C.masked(event)) else {
                throw Problem()
            }
            events.append(try fields(event))
            place += 16 + count
        }
        return events
    }

    static func fields(_ message: [UInt8]) throws -> Fields {
        var (place, fields): (Int, Fields) = (0, [])
        func variable() throws -> UInt64 {
            var (value, shift): (UInt64, UInt64) = (0, 0)
            while place < message.count {
                let byte = message[place]
                place += 1
                value |= UInt64(byte & 127) << shift
                shift += 7
                if byte < 128 { return value }
            }
            throw Problem()
        }
        while place < message.count {
            let key = try variable()
            let count: Int
            switch key & 7 {
            case 0:
                let value = try variable()
                fields.append((Int(key >> 3), withUnsafeBytes(of: value.littleEndian, Array.init)))
                continue
            case 1: count = 8
            case 2: count = Int(try variable())
            case 5: count = 4
            default: throw Problem()
            }
            guard place + count <= message.count else { throw Problem() }
            fields.append((Int(key >> 3), Array(message[place..<place + count])))
            place += count
        }
        return fields
    }

    static func number(_ bytes: ArraySlice<UInt8>) -> UInt64 { bytes.reversed().reduce(0) { $0 << 8 | UInt64($1) } }
}

struct EventFileTests {
    @Test func theCheckIsCastagnolis() {
        #expect(CRC32C.of(Array("123456789".utf8)) == 0xE306_9283)
        #expect(CRC32C.masked(Array("123456789".utf8)) == 0xC78A_B0E5)
        #expect(CRC32C.of([UInt8](repeating: 0, count: 32)) == 0x8A91_36AA)
    }

    @Test func whatIsAppendedIsReadBack() throws {
        let folder = try TemporaryFolder()
        func write() throws -> String {
            let file = try EventFile(in: folder.path, time: 1_700_000_000.9)
            try file.append(Event(time: 2, step: 300, .scalar(tag: "train/loss", 0.125)))
            try file.append(Event(time: 3, step: -1, .text(name: "recipe", "é")))
            return file.path
        }
        let (first, second) = (try write(), try write())
        #expect(first != second && first.contains("/events.out.tfevents.1700000000."))
        let bytes = try folder.read(String(first.dropFirst(folder.path.count + 1)))
        let events = try EventReader.events(bytes)
        #expect(events.count == 3)
        #expect(events[0].map(\.field) == [1, 3] && events[0][1].bytes == Array("brain.Event:2".utf8))
        #expect(events[1].map(\.field) == [1, 2, 5] && EventReader.number(events[1][1].bytes[...]) == 300)
        let value = try EventReader.fields(EventReader.fields(events[1][2].bytes)[0].bytes)
        #expect(value[0].bytes == Array("train/loss".utf8))
        #expect(EventReader.number(value[1].bytes[...]) == UInt64(Float(0.125).bitPattern))
        // Ten bytes of a negative number, as the wire format has it.
        #expect(EventReader.number(events[2][1].bytes[...]) == UInt64.max)
        // A file that was cut off shows what stands before.
        #expect(try EventReader.events(Array(bytes.dropLast(1))).count == 2)
        #expect(throws: EventReader.Problem.self) {
            var damaged = bytes
            damaged[bytes.count - 6] ^= 1
            return try EventReader.events(damaged)
        }
    }

    @Test func aFolderThatIsMissingIsToldInASentence() throws {
        #expect(throws: EventFile.Failure.self) { _ = try EventFile(in: "/nowhere/at/all", time: 1).path }
    }
}
