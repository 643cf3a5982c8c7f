import Foundation

/// `manifest.json`: what a bundle says of itself, as far as an app needs it.
public struct Manifest: Decodable, Sendable {
    static let name = "manifest.json"
    static let signature = "signature"
    static let mostBytes = 16 << 20  // of either of the two

    /// What vouches for a file.
    public struct FileRecord: Decodable, Sendable {
        public let sha256: String
        public let bytes: Int
    }

    /// How near an output of the artifact was to the network's, and how near it has to be.
    public struct Bound: Decodable, Sendable {
        public let boundDb: Double
    }

    /// Bytes of the artifact; weightBytes: of its parameters and buffers.
    public struct Footprint: Decodable, Sendable {
        public let fileBytes: Int
        public let weightBytes: Int
    }

    /// One file (Core ML: one package) that a runtime loads.
    public struct Artifact: Decodable, Sendable {
        public let target: Target
        public let precision: Precision
        public let path: String
        public let contract: ComponentContract
        public let parity: [Bound]
        public let footprint: Footprint
    }

    public let network: String
    public let alignCorners: Bool
    /// Height and width of the network's pictures.
    public let size: [Int]
    public let components: Components
    /// Whether the weights are the result of training.
    public let trained: Bool
    public let artifacts: [Artifact]
    public let golden: [String]
    public let files: [String: FileRecord]
    public let digest: String

    /// Of a manifest.json. Throws BundleRefusal for the first fault of docs/app-contract.md, section 1.
    init(_ text: Data) throws {
        guard text.count <= Self.mostBytes else {
            throw BundleRefusal(.tooLarge, "\(Self.name) has \(text.count) bytes; at most \(Self.mostBytes) are read.")
        }
        guard String(data: text, encoding: .utf8) != nil else {
            throw BundleRefusal(.invalid, "\(Self.name) is not UTF-8 text. Make the bundle again.")
        }
        do {
            try jsonDecoder().decode(SchemaVersion.self, from: text).require(1)
            self = try jsonDecoder().decode(Manifest.self, from: text)
        } catch let error as DecodingError {
            throw BundleRefusal(.invalid, "\(Self.name) is not a valid manifest: \(fault(error)). Make the bundle again.")
        }
        try requireNumbers()
        try requireDigest(text)
        try requirePaths()
    }

    /// Those of one target and precision, in the order that they run. Throws TryOnError where one is missing.
    public func artifacts(for target: Target, _ precision: Precision) throws -> [Artifact] {
        try components.members.map { member in
            let held = artifacts.first {
                $0.target == target && $0.precision == precision && $0.contract.component == member
            }
            guard let held else {
                throw TryOnError("The bundle has no \(member.rawValue) for \(target.rawValue) \(precision.rawValue).")
            }
            return held
        }
    }

    /// In which precisions the bundle holds artifacts for a target, in its order.
    public func precisions(for target: Target) -> [Precision] {
        var found: [Precision] = []
        for artifact in artifacts where artifact.target == target && !found.contains(artifact.precision) {
            found.append(artifact.precision)
        }
        return found
    }

    /// Numbers that an app computes with are of the kind that they must be.
    private func requireNumbers() throws {
        let tensors = artifacts.flatMap { $0.contract.inputs + $0.contract.outputs }
        let shapes = tensors.map(\.shape)
        let bytes = files.values.map(\.bytes) + artifacts.flatMap { [$0.footprint.fileBytes, $0.footprint.weightBytes] }
        func areLengths(_ numbers: [Int]) -> Bool { numbers.allSatisfy { (1...(1 << 15)).contains($0) } }
        guard
            size.count == 2, areLengths(size), bytes.allSatisfy({ (0...(1 << 50)).contains($0) }),
            shapes.allSatisfy({ $0.count == 4 && areLengths($0) }),
            files.values.allSatisfy({ isSha256($0.sha256) })
        else {
            throw BundleRefusal(
                .invalid, "\(Self.name) holds a size, shape, length or hash that cannot be. Make the bundle again."
            )
        }
    }

    /// The digest is the text's own, with zeros in its place.
    private func requireDigest(_ text: Data) throws {
        guard isSha256(digest) else {
            throw BundleRefusal(.invalid, "The digest in \(Self.name) is not 64 lower-case hexadecimal digits.")
        }
        var unsealed = text
        var rest = unsealed.startIndex..<unsealed.endIndex
        while let place = unsealed.range(of: Data(digest.utf8), in: rest) {
            unsealed.replaceSubrange(place, with: Data(repeating: UInt8(ascii: "0"), count: 64))
            rest = place.upperBound..<unsealed.endIndex
        }
        guard Sha256.digest(unsealed) == digest else {
            throw BundleRefusal(.digest, "\(Self.name) was changed after it was sealed: its digest does not match.")
        }
    }

    private func requirePaths() throws {
        let named = artifacts.map(\.path) + golden
        if let path = (files.keys + named).first(where: { !isPlainPath($0) }) {
            throw BundleRefusal(.path, "\(Self.name) names \(path.debugDescription), which is no plain relative path.")
        }
        if let twin = firstTwin(of: files.keys.sorted()) {
            throw BundleRefusal(.case, "\(twin) and another path are one file where case does not count.")
        }
        for path in named where files[path] == nil && !files.keys.contains(where: { $0.hasPrefix(path + "/") }) {
            throw BundleRefusal(.missing, "\(path) is named by \(Self.name), but is not among its files.")
        }
    }
}

/// Whether a bundle may hold a file of this path: parts of letters, digits and `. _ -`, no dot at either end of one.
func isPlainPath(_ path: String) -> Bool {
    path.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false).allSatisfy { part in
        let dot = UInt8(ascii: ".")
        return part.allSatisfy(isPlain) && part.first != nil && part.first != dot && part.last != dot
    }
}

/// The first path that a disk without upper and lower case takes for an earlier one.
func firstTwin(of paths: [String]) -> String? {
    var seen: Set<String> = []
    return paths.first { !seen.insert($0.lowercased()).inserted }
}

func isSha256(_ text: String) -> Bool {
    text.utf8.count == 64 && text.utf8.allSatisfy { (0x30...0x39).contains($0) || (0x61...0x66).contains($0) }
}

private func isPlain(_ letter: UInt8) -> Bool {
    switch letter {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"): return true
    case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"): return true
    default: return false
    }
}

/// Read before anything else: another version may have other fields.
struct SchemaVersion: Decodable {
    /// nil where it is there but no whole number.
    let schemaVersion: Int?

    private enum Key: CodingKey { case schemaVersion }

    init(from decoder: Decoder) throws {
        let container = try decoder.container(keyedBy: Key.self)
        if try container.decodeNil(forKey: .schemaVersion) {
            throw DecodingError.valueNotFound(
                Int.self, .init(codingPath: [Key.schemaVersion], debugDescription: "schema_version is null")
            )
        }
        schemaVersion = try? container.decode(Int.self, forKey: .schemaVersion)
    }

    /// Throws BundleRefusal for another version.
    func require(_ known: Int) throws {
        guard schemaVersion != known else { return }
        let which = schemaVersion.map { $0 > known ? "the newer schema version \($0)" : "the older schema version \($0)" }
        throw BundleRefusal(
            .schema,
            "\(Manifest.name) has \(which ?? "a schema version that is no number"); this app reads \(known). "
                + "Update the app, or make the bundle again."
        )
    }
}
