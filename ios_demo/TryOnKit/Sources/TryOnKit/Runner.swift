import Foundation

/// One artifact in its runtime. Inputs lie in it already when it runs; outputs are read when it is done. Tensors are in
/// the artifact's own layouts and order.
public protocol Runner: AnyObject {
    func set(_ inputs: [Tensor]) throws
    /// What a benchmark times.
    func run() throws
    /// Of the last run: copies.
    func outputs() throws -> [Tensor]
}

/// What loads artifacts of one target.
public protocol Runtime: Sendable {
    var target: Target { get }
    /// Of what it runs on, by name.
    var versions: [String: String] { get }

    /// threads: where the runtime lets an app choose. Throws where it cannot be loaded.
    func load(_ artifact: URL, contract: ComponentContract, threads: Int) throws -> Runner
    /// Drops what an earlier load left on disk. Whether the artifact is now out of the system's cache; nil where that
    /// cannot be told.
    func forget(_ artifact: URL) throws -> Bool?
}

/// An artifact that is run by name, NCHW, whatever its layouts are.
public final class Session {
    public let contract: ComponentContract
    let runner: Runner

    /// Throws where the runtime cannot load it.
    public init(_ artifact: Manifest.Artifact, of bundle: TryOnBundle, in runtime: Runtime, threads: Int) throws {
        contract = artifact.contract
        runner = try runtime.load(bundle.place(of: artifact), contract: contract, threads: threads)
    }

    /// Every input of the contract by name -> every output. Throws TryOnError for a missing input, or another shape.
    public func run(_ inputs: [String: Tensor]) throws -> [String: Tensor] {
        try set(inputs)
        try runner.run()
        return try outputs()
    }

    func set(_ inputs: [String: Tensor]) throws {
        let held = try contract.inputs.map { tensor in
            guard let input = inputs[tensor.name] else {
                throw TryOnError("\(contract.component.rawValue) needs the input \(tensor.name), which is not there.")
            }
            return try tensor.held(input)
        }
        try runner.set(held)
    }

    func outputs() throws -> [String: Tensor] {
        let given = try runner.outputs()
        guard given.count == contract.outputs.count else {
            throw TryOnError("\(contract.component.rawValue) gives \(given.count) outputs, its contract names others.")
        }
        let named = try zip(contract.outputs, given).map { ($0.name, try $0.nchw($1)) }
        return Dictionary(named) { first, _ in first }
    }
}
