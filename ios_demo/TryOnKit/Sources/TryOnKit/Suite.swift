/// The part of `benchmarks/suite.py` that an app needs to measure; conditions and bands are for the host's verdict.
public struct Suite: Codable, Equatable, Sendable {
    /// A series goes on until it has that many runs and has lasted that long, both.
    public struct Until: Codable, Equatable, Sendable {
        public let minRuns: Int
        public let minSeconds: Double
    }

    /// Frames at the rate of a camera, for that long.
    public struct Camera: Codable, Equatable, Sendable {
        public let periodMs: Double
        public let seconds: Double
    }

    /// Frames back to back, for that long.
    public struct Sustained: Codable, Equatable, Sendable {
        public let seconds: Double
    }

    /// Limits, which the record repeats for the host; null sets none.
    public struct Budget: Codable, Equatable, Sendable {
        @OrNull public var parametersBytes: Int?
        @OrNull public var fileBytes: Int?
        @OrNull public var downloadBytes: Int?
        @OrNull public var arenaBytes: Int?
        @OrNull public var growthBytes: Int?
    }

    public let name: String
    public let description: String
    @OrNull public var targets: [Target]?
    @OrNull public var precisions: [Precision]?
    public let recommended: Bool
    public let threads: [Int]
    public let rounds: Int
    public let warmupRuns: Int
    public let garment: Until
    public let frame: Until
    @OrNull public var camera: Camera?
    @OrNull public var sustained: Sustained?
    public let cooldownSeconds: Double
    public let operations: Bool
    public let budget: Budget
    public let timeoutSeconds: Double
}
