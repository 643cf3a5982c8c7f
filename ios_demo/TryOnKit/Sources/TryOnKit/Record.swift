import Foundation

/// The measurements of a benchmark, without a verdict, which `dmvton bench` gives on the host (docs/app-contract.md,
/// section 6). Units are in the names; a value that a probe could not read is null.
public struct BenchmarkRecord: Codable, Equatable, Sendable {
    public struct SuiteIdentity: Codable, Equatable, Sendable {
        public let name: String
        public let sha256: String
        public let budget: Suite.Budget
    }

    public struct BundleIdentity: Codable, Equatable, Sendable {
        public let name: String
        public let network: String
        public let trained: Bool
        public let digest: String
    }

    public let schemaVersion: Int
    public let startedAt: Date
    public var seconds: Double
    public let suite: SuiteIdentity
    public let bundle: BundleIdentity
    public let device: Device
    public let agent: String
    public let versions: [String: String]
    public let artifacts: [Artifacts]
    public var runs: [Run]

    /// Nothing measured yet.
    init(
        startedAt: Date, suite: SuiteIdentity, bundle: BundleIdentity, device: Device, agent: String,
        artifacts: [Artifacts]
    ) {
        schemaVersion = 1
        self.startedAt = startedAt
        seconds = 0
        self.suite = suite
        self.bundle = bundle
        self.device = device
        self.agent = agent
        versions = [:]
        self.artifacts = artifacts
        runs = []
    }

    public init(_ text: Data) throws {
        self = try jsonDecoder().decode(BenchmarkRecord.self, from: text)
    }

    /// As it goes to standard output: between two lines that nothing else prints.
    public func printed() throws -> String {
        let text = String(decoding: try json(), as: UTF8.self)
        return "----- BEGIN DMVTON RECORD -----\n\(text)\n----- END DMVTON RECORD -----"
    }

    public func json() throws -> Data {
        try jsonEncoder().encode(self)
    }
}

/// One run of the artifacts of one target and precision. failure: why it ended early; what was measured by then is here.
public struct Run: Codable, Equatable, Sendable {
    /// Of one run of the frame.
    public struct Operation: Codable, Equatable, Sendable {
        public let name: String
        public let kind: String
        @OrNull public var backend: String?
        @OrNull public var milliseconds: Double?
    }

    public let target: Target
    public let precision: Precision
    public let threads: Int
    public let round: Int
    @OrNull public var affinity: [Int]?
    public var versions: [String: String] = [:]
    @OrNull public var before: DeviceState?
    @OrNull public var after: DeviceState?
    public var loads: [Load] = []
    public var series: [Series] = []
    @OrNull public var memory: Memory?
    @OrNull public var parity: [ParityFigure]?
    @OrNull public var operations: [Operation]?
    @OrNull public var failure: String?

    init(pair: AppJob.Pair, threads: Int, round: Int) {
        target = pair.target
        precision = pair.precision
        self.threads = threads
        self.round = round
    }

    /// `coreml fp16, 2 threads, round 1`
    var title: String {
        "\(target.rawValue) \(precision.rawValue), \(threads) thread\(threads > 1 ? "s" : ""), round \(round)"
    }
}

/// One component. cold: whether its file was out of the system's cache; null where that cannot be told.
public struct Load: Codable, Equatable, Sendable {
    public let component: Component
    @OrNull public var cold: Bool?
    public let firstLoadMs: Double
    public let firstRunMs: Double
    @OrNull public var warmLoadMs: Double?
}

/// How the runs of a series follow each other.
public enum Mode: String, Codable, Sendable {
    case steady, camera, sustained
}

/// Runs of one component. startedMs: when each began, since the first. periodMs: of Mode.camera.
public struct Series: Codable, Equatable, Sendable {
    public let component: Component
    public let mode: Mode
    public let warmupRuns: Int
    @OrNull public var periodMs: Double?
    public let startedMs: [Double]
    public let samplesMs: [Double]
}

/// What the bytes of a process are: never compared with each other.
public enum MemoryKind: String, Codable, Sendable {
    case rss, pss, cuda
    case physFootprint = "phys_footprint"
}

/// Of the process. bareBytes: no artifact loaded. loadedBytes: after one run of all components. peakBytes: the most.
public struct Memory: Codable, Equatable, Sendable {
    public let kind: MemoryKind
    public let bareBytes: Int
    @OrNull public var loadedBytes: Int?
    @OrNull public var peakBytes: Int?
    @OrNull public var arenaBytes: Int?
}

/// What the files of a target and precision weigh. downloadBytes: deflated, file by file.
public struct Artifacts: Codable, Equatable, Sendable {
    public let target: Target
    public let precision: Precision
    public let parametersBytes: Int
    public let fileBytes: Int
    public let downloadBytes: Int
}
