import Foundation

/// Times for people.
package enum SpokenTime {
    /// A span: `42 s`, `3 min 5 s`, `2 h 10 min`.
    package static func span(_ seconds: Double) -> String {
        let whole = seconds.isFinite ? Int(min(seconds.rounded(), 1e12)) : 0
        if whole < 60 { return "\(whole) s" }
        if whole < 3600 { return "\(whole / 60) min \(whole % 60) s" }
        return "\(whole / 3600) h \(whole % 3600 / 60) min"
    }

    /// The time of the day in so many seconds, with the day where it is another: `16:40`, `2026-03-01 04:10`.
    package static func clock(in seconds: Double) -> String {
        var now = time(nil)
        var then = now + Int(min(max(seconds, 0), 1e9))
        var (today, day) = (tm(), tm())
        localtime_r(&now, &today)
        localtime_r(&then, &day)
        let clock = String(format: "%02d:%02d", day.tm_hour, day.tm_min)
        if day.tm_yday == today.tm_yday && day.tm_year == today.tm_year { return clock }
        return String(format: "%d-%02d-%02d ", day.tm_year + 1900, day.tm_mon + 1, day.tm_mday) + clock
    }
}
