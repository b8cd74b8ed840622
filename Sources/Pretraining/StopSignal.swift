@preconcurrency import Dispatch
import Foundation
import Locks

/// Turns SIGINT, SIGTERM and SIGHUP into a wish to stop; a second signal ends the process at once.
public final class StopSignal: Sendable {
    private let received = Locked<Int32>(0)
    private let sources: [any DispatchSourceSignal]
    private let tell: @Sendable (Int32) -> Void

    /// Takes over the signals for the rest of the process. A hang-up that was ignored already, as under `nohup`, stays so.
    /// `tell` hears of the first signal at once, on another thread.
    public init(tell: @escaping @Sendable (Int32) -> Void = { _ in }) {
        self.tell = tell
        let queue = DispatchQueue(label: "palimpsest.signals")
        var numbers = [SIGINT, SIGTERM]
        // `signal` gives back what was there before; 1 is SIG_IGN, which has no value that can be compared.
        if unsafeBitCast(signal(SIGHUP, SIG_IGN), to: Int.self) != 1 { numbers.append(SIGHUP) }
        sources = numbers.map { number in
            signal(number, SIG_IGN)
            return DispatchSource.makeSignalSource(signal: number, queue: queue)
        }
        for (source, number) in zip(sources, numbers) {
            source.setEventHandler { [weak self] in self?.receive(number) }
            source.resume()
        }
    }

    private func receive(_ number: Int32) {
        let isSecond = received.withLock { held in
            defer { held = number }
            return held != 0
        }
        if isSecond { _exit(128 + number) }
        tell(number)
    }

    /// The signal that asks to stop, if one came; SIGTERM where the process that this one works for is gone.
    public var number: Int32? {
        let held = received.withLock { $0 }
        return held != 0 ? held : ParentWatch.hasLostParent ? SIGTERM : nil
    }
}
