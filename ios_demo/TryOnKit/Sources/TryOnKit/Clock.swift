import Dispatch
import Foundation

/// What times are taken by.
public protocol Clock {
    /// Since some moment, in seconds; it never goes back.
    var seconds: Double { get }
    /// The date, for a record.
    var date: Date { get }

    func sleep(_ seconds: Double)
}

/// The device's own.
public struct SystemClock: Clock {
    public init() {}

    public var seconds: Double { Double(DispatchTime.now().uptimeNanoseconds) / 1e9 }
    public var date: Date { Date() }

    public func sleep(_ seconds: Double) {
        if seconds > 0 { Thread.sleep(forTimeInterval: seconds) }
    }
}

extension Clock {
    /// How long it takes, in milliseconds.
    func milliseconds(_ work: () throws -> Void) rethrows -> Double {
        let started = seconds
        try work()
        return (seconds - started) * 1e3
    }
}
