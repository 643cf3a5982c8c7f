/// What is said of a series of times in milliseconds, by the rule of `benchmarks/statistics.py`.
public struct Summary: Equatable, Sendable {
    public let samples: Int
    public let leastMs: Double
    public let medianMs: Double
    public let p90Ms: Double
    public let p99Ms: Double
    public let mostMs: Double
    /// (p90 - p10) / median.
    public let spread: Double
    /// The last quarter's median to the first quarter's, less one; nil below eight samples.
    public let drift: Double?

    /// Of samples in the order they were taken; there must be one.
    public init(_ samples: [Double]) {
        let ordered = samples.sorted()
        self.samples = samples.count
        leastMs = ordered[0]
        medianMs = percentile(50, of: ordered)
        p90Ms = percentile(90, of: ordered)
        p99Ms = percentile(99, of: ordered)
        mostMs = ordered[ordered.count - 1]
        spread = (p90Ms - percentile(10, of: ordered)) / medianMs
        let quarter = samples.count / 4
        drift = samples.count < 8 ? nil : median(samples.suffix(quarter)) / median(samples.prefix(quarter)) - 1
    }
}

/// Linear between the two neighbours of position (n - 1) p / 100. ordered: ascending, not empty.
private func percentile(_ p: Double, of ordered: [Double]) -> Double {
    let position = Double(ordered.count - 1) * p / 100
    let below = Int(position.rounded(.down)), above = Int(position.rounded(.up))
    return ordered[below] + (ordered[above] - ordered[below]) * (position - Double(below))
}

private func median(_ samples: ArraySlice<Double>) -> Double {
    percentile(50, of: samples.sorted())
}
