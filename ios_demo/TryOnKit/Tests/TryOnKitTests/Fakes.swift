import Foundation

@testable import TryOnKit

// What cannot be here: a phone's clock, its probes, and Core ML.

/// It stands still but for what sleeps and runs.
final class FakeClock: Clock, @unchecked Sendable {
    var seconds = 100.0
    let date = Date(timeIntervalSince1970: 1_795_608_000)
    private(set) var slept: [Double] = []

    func sleep(_ seconds: Double) {
        slept.append(seconds)
        self.seconds += max(0, seconds)
    }
}

/// An artifact answers with what is recorded, and takes its time on a clock.
final class FakeRuntime: Runtime, @unchecked Sendable {
    let target = Target.coreml
    let versions = ["fake": "1"]
    let clock: FakeClock
    let outputs: [String: Tensor]
    var frameSeconds = 0.010
    /// Of the frame's artifact: breaks when it has run that often.
    var breaksAfter: Int?
    private(set) var loaded: [String] = []
    private(set) var runs = 0
    fileprivate(set) var inputs: [String: Tensor] = [:]

    init(clock: FakeClock, outputs: [String: Tensor]) {
        self.clock = clock
        self.outputs = outputs
    }

    func load(_ artifact: URL, contract: ComponentContract, threads: Int) throws -> Runner {
        loaded.append("\(artifact.lastPathComponent) \(threads)")
        clock.seconds += 0.050
        return FakeRunner(self, contract)
    }

    func forget(_ artifact: URL) -> Bool? { true }

    fileprivate func ran(_ component: Component) throws {
        clock.seconds += frameSeconds
        guard component == .tryon else { return }
        runs += 1
        if let breaksAfter, runs > breaksAfter { throw TryOnError("The fake broke,\nas it was asked to.") }
    }
}

private final class FakeRunner: Runner {
    let runtime: FakeRuntime
    let contract: ComponentContract

    init(_ runtime: FakeRuntime, _ contract: ComponentContract) {
        self.runtime = runtime
        self.contract = contract
    }

    func set(_ inputs: [Tensor]) throws {
        for (tensor, input) in zip(contract.inputs, inputs) {
            runtime.inputs[tensor.name] = try tensor.nchw(input)
        }
    }

    func run() throws { try runtime.ran(contract.component) }

    func outputs() throws -> [Tensor] {
        try contract.outputs.map { tensor in
            if let recorded = runtime.outputs[tensor.name] { return try tensor.held(recorded) }
            // The encoder's: the garment and its mask
            let garment = runtime.inputs["garment"]!, mask = runtime.inputs["garment_mask"]!
            return Tensor(shape: tensor.shape, values: garment.values + mask.values)
        }
    }
}

final class FakeProbes: Probes {
    let memoryKind = MemoryKind.physFootprint
    /// The answers, one after the other; the last stays.
    var memory: [Int?] = [40_000_000, 41_000_000, 60_000_000, 55_000_000]
    var peaks: [Int?] = [90_000_000]
    var throttled: [Bool?] = [false]

    func device(named name: String) -> Device {
        Device(
            kind: .ios, name: name, model: "iPhone16,1", abi: "arm64", cores: 6, memoryBytes: 8_000_000_000,
            system: "iOS 18.1"
        )
    }

    func state() -> DeviceState {
        DeviceState(
            throttled: next(&throttled), batteryPercent: 80, charging: nil, lowPower: false, foreground: true, freeMemoryBytes: nil
        )
    }

    func memoryBytes() -> Int? { next(&memory) }
    func lifetimePeakBytes() -> Int? { next(&peaks) }

    private func next<Answer>(_ answers: inout [Answer]) -> Answer {
        answers.count > 1 ? answers.removeFirst() : answers[0]
    }
}
