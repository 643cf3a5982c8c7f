import Foundation

/// One output of an artifact against the bundle's golden one. psnrDb: nil where they are equal.
public struct ParityFigure: Codable, Equatable, Sendable {
    public let output: String
    public let inputs: String
    @OrNull public var psnrDb: Double?
    public let maxAbsError: Double
    public let boundDb: Double

    public var holds: Bool { psnrDb.map { $0 >= boundDb } ?? true }

    /// Throws TryOnError for another shape, and for values that are not finite: then there is nothing to compare.
    init(output: String, kind: Kind, reference: Tensor, candidate: Tensor, boundDb: Double) throws {
        guard candidate.shape == reference.shape else {
            throw TryOnError("The artifact gives \(output) as \(candidate.shape), the network as \(reference.shape).")
        }
        guard reference.isFinite, candidate.isFinite else {
            throw TryOnError("\(output) holds values that are not finite, on the golden inputs.")
        }
        var sum = 0.0
        var most: Float = 0
        for (expected, found) in zip(reference.values, candidate.values) {
            let difference = Double(expected) - Double(found)
            sum += difference * difference
            most = max(most, abs(expected - found))
        }
        let error = sum / Double(reference.values.count)
        let range = Double((reference.values.max() ?? 0) - (reference.values.min() ?? 0))
        let peak = kind.peak ?? (range == 0 ? 1 : range)
        self.output = output
        inputs = "example"
        psnrDb = error == 0 ? nil : 10 * log10(peak * peak / error)
        maxAbsError = Double(most)
        self.boundDb = boundDb
    }
}

/// The recorded inputs of a bundle and what the network made of them, by their contract names, NCHW.
public struct Golden: Sendable {
    public let inputs: [String: Tensor]
    public let outputs: [String: Tensor]

    /// Throws TryOnError where the bundle has none for that precision.
    public init(of bundle: TryOnBundle, _ precision: Precision) throws {
        let path = precision == .int8 ? "golden/tryon_int8.safetensors" : "golden/tryon.safetensors"
        guard bundle.manifest.golden.contains(path) else {
            throw TryOnError("The bundle cannot be replayed: its manifest names no \(path).")
        }
        let file = try Safetensors(Data(contentsOf: bundle.folder.appendingPathComponent(path)))
        func tensors(_ prefix: String) throws -> [String: Tensor] {
            let named = file.names.filter { $0.hasPrefix(prefix) }
            return try Dictionary(uniqueKeysWithValues: named.map { (String($0.dropFirst(prefix.count)), try file.floats($0)) })
        }
        inputs = try tensors("input.")
        outputs = try tensors("output.")
        guard !inputs.isEmpty, !outputs.isEmpty, inputs.count + outputs.count == file.names.count else {
            throw TryOnError("\(path) does not hold the tensors of a replay.")
        }
    }

    /// What a frame's artifact gave, NCHW, against the golden outputs. boundDb: that each is held to. Throws TryOnError
    /// naming what differs, and by how much.
    public func compare(
        _ given: [String: Tensor], contract: ComponentContract, boundDb: Double
    ) throws -> [ParityFigure] {
        guard Set(outputs.keys) == Set(contract.outputs.map(\.name)) else {
            throw TryOnError("The golden outputs are \(outputs.keys.sorted()), the artifact's are others.")
        }
        let figures = try contract.outputs.map { tensor in
            guard let reference = outputs[tensor.name], let candidate = given[tensor.name] else {
                throw TryOnError("The artifact gives no \(tensor.name).")
            }
            return try ParityFigure(
                output: tensor.name, kind: tensor.kind, reference: reference, candidate: candidate, boundDb: boundDb
            )
        }
        if let failed = figures.first(where: { !$0.holds }) {
            throw TryOnError(
                "\(failed.output) differs from the network's on the golden inputs: \(failed.psnrDb ?? 0) dB, "
                    + "the bound is \(boundDb) dB. Choose other compute units, or another precision."
            )
        }
        return figures
    }
}

extension Manifest {
    /// The strictest bound that the artifacts were held to when they were made. Throws TryOnError where there is none.
    public func boundDb(for target: Target, _ precision: Precision) throws -> Double {
        let bounds = try artifacts(for: target, precision).flatMap { $0.parity.map(\.boundDb) }
        guard let bound = bounds.max() else {
            throw TryOnError("The bundle gives no bound for \(target.rawValue) \(precision.rawValue) to hold it to.")
        }
        return bound
    }
}
