import Foundation

/// What `job.json` asks an app to measure, as `benchmarks/devices/phone.py` writes it.
public struct AppJob: Codable, Equatable, Sendable {
    public struct Pair: Codable, Equatable, Sendable {
        public let target: Target
        public let precision: Precision
    }

    public let schemaVersion: Int
    public let suite: Suite
    public let suiteSha256: String
    /// A folder beside the job.
    public let bundle: String
    public let bundleName: String
    public let pairs: [Pair]
    /// The name that the record gives this device.
    public let device: String

    /// Throws TryOnError where the file is no job.
    public init(_ text: Data) throws {
        do {
            self = try jsonDecoder().decode(AppJob.self, from: text)
        } catch let error as DecodingError {
            throw TryOnError("The job cannot be read: \(fault(error)). Let `dmvton bench` make it again.")
        }
        guard schemaVersion == 1 else {
            throw TryOnError("The job has schema version \(schemaVersion); this app reads 1. Update the app, or the package.")
        }
        guard isPlainPath(bundle), !bundle.contains("/") else {
            throw TryOnError("The job names \(bundle.debugDescription) as its bundle, which is no folder beside it.")
        }
    }

    /// The job's file, of an app that was launched with `--benchmark PATH`, the path being relative to its home; nil where it
    /// was not.
    public static func file(of arguments: [String], home: URL) -> URL? {
        guard let asked = arguments.firstIndex(of: "--benchmark"), arguments.indices.contains(asked + 1) else { return nil }
        return home.appendingPathComponent(arguments[asked + 1])
    }
}
