/// What a benchmark does, as `benchmarks/suite.py` has it.
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

    /// What is asked of a device for a verdict; null asks nothing.
    public struct Conditions: Codable, Equatable, Sendable {
        @OrNull public var maxSpread: Double?
        @OrNull public var maxDrift: Double?
        @OrNull public var maxLoad: Double?
        @OrNull public var maxTemperatureCelsius: Double?
        @OrNull public var minBatteryPercent: Double?
        @OrNull public var governors: [String]?
    }

    /// At most; null where it does not count.
    public struct Budget: Codable, Equatable, Sendable {
        @OrNull public var parametersBytes: Int?
        @OrNull public var fileBytes: Int?
        @OrNull public var downloadBytes: Int?
        @OrNull public var arenaBytes: Int?
        @OrNull public var growthBytes: Int?
    }

    /// Where the median of a steady frame is expected. device: a pattern of its name, model or processor.
    public struct Band: Codable, Equatable, Sendable {
        public let device: String
        public let target: Target
        public let precision: Precision
        public let threads: Int
        public let leastMs: Double
        public let mostMs: Double
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
    public let conditions: Conditions
    public let budget: Budget
    public let bands: [Band]
    public let timeoutSeconds: Double
}
