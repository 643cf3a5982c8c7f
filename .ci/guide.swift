// What the guides' Swift code takes from elsewhere in an app: `.ci/apps-ios` checks its types with this.
import Foundation
import TryOnKit

/// Of App/Sources, where Core ML is.
final class CoreMLRuntime: Runtime {
    enum Units { case all, cpuAndNeuralEngine, cpuAndGPU, cpuOnly }

    let target = Target.coreml
    let versions: [String: String] = [:]

    init(units: Units) {}

    func load(_ artifact: URL, contract: ComponentContract, threads: Int) throws -> Runner { fatalError() }
    func forget(_ artifact: URL) throws -> Bool? { nil }
}

/// Of App/Sources, where Metal is.
func makeCompositor() throws -> Compositor { CPUCompositor() }

// What an app has
let support = URL(fileURLWithPath: "/")
let embedded = URL(fileURLWithPath: "/")
let garmentPixels = Pixels(height: 32, width: 32, channels: 3, bytes: [])
let maskPixels = garmentPixels
let framePixels = garmentPixels
