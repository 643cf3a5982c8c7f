import CoreML
import CoreVideo
import Foundation
import TryOnKit

/// Core ML packages, compiled at their first load and kept among the app's caches, under the name of the bundle's folder:
/// in a `BundleStore` that is its digest.
final class CoreMLRuntime: Runtime, @unchecked Sendable {
    let target = Target.coreml
    private let units: MLComputeUnits

    init(units: MLComputeUnits) {
        self.units = units
    }

    var versions: [String: String] {
        let version = ProcessInfo.processInfo.operatingSystemVersion
        return ["core-ml": "iOS \(version.majorVersion).\(version.minorVersion)", "compute-units": units.title]
    }

    /// threads: not used; Core ML chooses its own.
    func load(_ artifact: URL, contract: ComponentContract, threads: Int) throws -> Runner {
        let place = try place(of: artifact)
        if !FileManager.default.fileExists(atPath: place.path) {
            let folder = place.deletingLastPathComponent()
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
            try FileManager.default.moveItem(at: MLModel.compileModel(at: artifact), to: place)
        }
        let configuration = MLModelConfiguration()
        configuration.computeUnits = units
        return CoreMLRunner(try MLModel(contentsOf: place, configuration: configuration), contract)
    }

    /// What was compiled goes; nobody tells what the system's cache holds.
    func forget(_ artifact: URL) throws -> Bool? {
        let place = try place(of: artifact)
        if FileManager.default.fileExists(atPath: place.path) {
            try FileManager.default.removeItem(at: place)
        }
        return nil
    }

    /// Another system compiles anew.
    private func place(of artifact: URL) throws -> URL {
        let caches = try FileManager.default.url(
            for: .cachesDirectory, in: .userDomainMask, appropriateFor: nil, create: true
        )
        let system = ProcessInfo.processInfo.operatingSystemVersionString.filter { $0.isLetter || $0.isNumber }
        let bundle = artifact.deletingLastPathComponent().deletingLastPathComponent().lastPathComponent
        let name = artifact.deletingPathExtension().lastPathComponent
        return caches.appendingPathComponent("compiled-models/\(system)/\(bundle)/\(name).mlmodelc")
    }
}

private final class CoreMLRunner: Runner {
    private let model: MLModel
    private let contract: ComponentContract
    private var taken: MLFeatureProvider?
    private var given: MLFeatureProvider?

    init(_ model: MLModel, _ contract: ComponentContract) {
        self.model = model
        self.contract = contract
    }

    func set(_ inputs: [Tensor]) throws {
        var features: [String: MLFeatureValue] = [:]
        for (tensor, value) in zip(contract.inputs, inputs) {
            features[tensor.name] = try feature(tensor.name, value)
        }
        taken = try MLDictionaryFeatureProvider(dictionary: features)
    }

    func run() throws {
        guard let taken else { throw TryOnError("A Core ML package was run before it was given its inputs.") }
        given = nil
        given = try autoreleasepool { try model.prediction(from: taken) }
    }

    func outputs() throws -> [Tensor] {
        try contract.outputs.map { tensor in
            guard let array = given?.featureValue(for: tensor.name)?.multiArrayValue else {
                throw TryOnError("The Core ML package gives no \(tensor.name). Convert the bundle again.")
            }
            let shaped = MLShapedArray<Float>(converting: array)
            return Tensor(shape: shaped.shape, values: shaped.scalars)
        }
    }

    /// A picture or mask goes in as an image, in whole steps of 1/255; features as they are.
    private func feature(_ name: String, _ value: Tensor) throws -> MLFeatureValue {
        switch model.modelDescription.inputDescriptionsByName[name]?.type {
        case .image: return MLFeatureValue(pixelBuffer: try Pixels(picture: value).pixelBuffer())
        case .multiArray: return MLFeatureValue(shapedArray: MLShapedArray<Float>(scalars: value.values, shape: value.shape))
        default: throw TryOnError("The Core ML package takes no \(name). Convert the bundle again.")
        }
    }
}

extension MLComputeUnits {
    static let choices: [MLComputeUnits] = [.all, .cpuAndNeuralEngine, .cpuAndGPU, .cpuOnly]

    var title: String {
        switch self {
        case .all: return "all"
        case .cpuAndNeuralEngine: return "CPU and Neural Engine"
        case .cpuAndGPU: return "CPU and GPU"
        case .cpuOnly: return "CPU"
        @unknown default: return "other"
        }
    }
}

extension Pixels {
    /// As Core ML takes it: BGRA of a picture, one component of a mask.
    fileprivate func pixelBuffer() throws -> CVPixelBuffer {
        let format = channels == 3 ? kCVPixelFormatType_32BGRA : kCVPixelFormatType_OneComponent8
        let shared = [kCVPixelBufferIOSurfacePropertiesKey: [:] as CFDictionary] as CFDictionary
        var made: CVPixelBuffer?
        guard CVPixelBufferCreate(nil, width, height, format, shared, &made) == kCVReturnSuccess, let made else {
            throw TryOnError("There is no memory for a pixel buffer of \(width)x\(height). Close other apps.")
        }
        CVPixelBufferLockBaseAddress(made, [])
        defer { CVPixelBufferUnlockBaseAddress(made, []) }
        guard let base = CVPixelBufferGetBaseAddress(made) else { throw TryOnError("A pixel buffer has no memory.") }
        let rowBytes = CVPixelBufferGetBytesPerRow(made)
        for row in 0..<height {
            let place = base.advanced(by: row * rowBytes).assumingMemoryBound(to: UInt8.self)
            for column in 0..<width {
                let source = (row * width + column) * channels
                if channels == 3 {
                    place[4 * column] = bytes[source + 2]
                    place[4 * column + 1] = bytes[source + 1]
                    place[4 * column + 2] = bytes[source]
                    place[4 * column + 3] = 255
                } else {
                    place[column] = bytes[source]
                }
            }
        }
        return made
    }
}
