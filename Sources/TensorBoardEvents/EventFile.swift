import Foundation

/// A file of events that TensorBoard reads while it grows: `events.out.tfevents.SECONDS.HOST.PROCESS.NUMBER`.
///
/// Events are appended and never rewritten; a file that a kill cut off still shows what stands before. A run that goes on makes a
/// new file, and TensorBoard merges the files of a folder.
public struct EventFile: ~Copyable {
    /// How the names of such files begin.
    public static let namePrefix = "events.out.tfevents."

    /// The file.
    public let path: String
    private let descriptor: Int32

    /// Why a file cannot be made or written.
    public struct Failure: Error, CustomStringConvertible {
        /// The sentence.
        public let description: String
    }

    /// Makes a file of its own in a folder that is there, with the event that every file begins with.
    public init(in folder: String, time: Double) throws(Failure) {
        let (path, descriptor) = try Self.make(in: folder, time: time)
        do throws(Failure) {
            try Self.append(Event(time: time, .fileVersion), to: descriptor, path)
        } catch {
            close(descriptor)
            throw error
        }
        self.path = path
        self.descriptor = descriptor
    }

    /// Opens a file that was not there.
    private static func make(in folder: String, time: Double) throws(Failure) -> (path: String, descriptor: Int32) {
        var name = [CChar](repeating: 0, count: 256)
        let hasName = gethostname(&name, name.count - 1) == 0
        let host =
            hasName ? String(decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self) : "host"
        var number = 0
        while true {
            let path = "\(folder)/\(namePrefix)\(Int(time)).\(host).\(getpid()).\(number)"
            let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0o666)
            if descriptor >= 0 { return (path, descriptor) }
            guard errno == EEXIST, number < 10_000 else {
                throw Failure(description: "cannot make \(path): \(String(cString: strerror(errno)))")
            }
            number += 1
        }
    }

    deinit { close(descriptor) }

    /// Appends an event.
    public func append(_ event: Event) throws(Failure) { try Self.append(event, to: descriptor, path) }

    private static func append(_ event: Event, to descriptor: Int32, _ path: String) throws(Failure) {
        let record = event.record
        var done = 0
        while done < record.count {
            let count = record[done...].withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else {
                throw Failure(description: "cannot write \(path): \(String(cString: strerror(errno)))")
            }
            done += count
        }
    }
}
