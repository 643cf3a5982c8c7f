import Foundation
import Testing

@testable import TryOnKit

/// A bundle for Core ML in two components, sealed: its artifacts are read by `FakeRuntime` alone. Its network answers as a
/// composite case recorded it; pictures are NHWC, so that layouts matter.
enum TestBundle {
    static let files = ["garment_encoder", "tryon"].map { "coreml/\($0)_fp16.mlpackage/Data/model.mlmodel" }

    /// golden: what the file holds; without it, the recorded tensors.
    static func write(to folder: URL, golden: [String: Tensor]? = nil) throws {
        let tensors = try golden ?? recordedGolden()
        for (path, content) in try sealed(["golden/tryon.safetensors": safetensors(tensors)]) {
            try TryOnKitTests.write(content, to: folder.appendingPathComponent(path))
        }
    }

    /// Its files and manifest, by path.
    static func sealed(_ more: [String: Data]) throws -> [(String, Data)] {
        var contents = more
        for path in files { contents[path] = Data("model of \(path)".utf8) }
        let listed = contents.mapValues { ["sha256": Sha256.digest($0), "bytes": $0.count] as [String: Any] }
        let manifest: [String: Any] = [
            "schema_version": 1, "network": "test", "align_corners": false, "size": [64, 48], "components": "split",
            "trained": true, "golden": ["golden/tryon.safetensors"], "files": listed,
            "digest": String(repeating: "0", count: 64), "artifacts": artifacts,
        ]
        let text = try JSONSerialization.data(withJSONObject: manifest, options: [.sortedKeys])
        contents[Manifest.name] = try seal(String(decoding: text, as: UTF8.self))
        return contents.sorted { $0.key < $1.key }
    }

    /// A manifest's text with its digest made anew.
    static func seal(_ text: String) throws -> Data {
        let found = try #require(text.range(of: #""digest" ?: ?"[0-9a-f]{64}""#, options: .regularExpression))
        let zeros = String(repeating: "0", count: 64)
        let unsealed = text.replacingCharacters(in: found, with: "\"digest\": \"\(zeros)\"")
        return Data(unsealed.replacingOccurrences(of: zeros, with: Sha256.digest(Data(unsealed.utf8))).utf8)
    }

    /// The case that everything is recorded from.
    static func recordedCase() throws -> CompositeCase { try CompositeCase("small_garment") }

    static func recordedOutputs() throws -> [String: Tensor] {
        let outputs = try recordedCase().outputs
        return [
            "tryon": outputs.rendered, "flow": outputs.flow, "composition": outputs.composition,
            "rendered": outputs.rendered,
        ]
    }

    private static func recordedGolden() throws -> [String: Tensor] {
        let held = try recordedCase()
        let size = Size(height: 64, width: 48)
        var tensors = [
            "input.person": held.outputs.person,
            "input.garment": held.garment.rgb.networkInput(of: held.garment.canvas, size: size),
            "input.garment_mask": held.garment.mask.networkInput(of: held.garment.canvas, size: size),
        ]
        for (name, value) in try recordedOutputs() { tensors["output.\(name)"] = value }
        return tensors
    }

    static func safetensors(_ tensors: [String: Tensor]) throws -> Data {
        var header: [String: Any] = ["__metadata__": ["format": "pt"]]
        var content = Data()
        for (name, tensor) in tensors.sorted(by: { $0.key < $1.key }) {
            let bytes = tensor.values.flatMap { value in (0..<4).map { UInt8(truncatingIfNeeded: value.bitPattern >> (8 * $0)) } }
            let offsets = [content.count, content.count + bytes.count]
            header[name] = ["dtype": "F32", "shape": tensor.shape, "data_offsets": offsets] as [String: Any]
            content += bytes
        }
        let text = try JSONSerialization.data(withJSONObject: header)
        return Data((0..<8).map { UInt8(truncatingIfNeeded: text.count >> (8 * $0)) }) + text + content
    }

    private static var artifacts: [[String: Any]] {
        func tensor(_ name: String, _ kind: String, _ channels: Int) -> [String: Any] {
            let isPicture = kind == "rgb"
            let shape = isPicture ? [1, 64, 48, channels] : [1, channels, 64, 48]
            return ["name": name, "kind": kind, "layout": isPicture ? "nhwc" : "nchw", "shape": shape]
        }
        let parts: [(String, [[String: Any]], [[String: Any]])] = [
            (
                "garment_encoder", [tensor("garment", "rgb", 3), tensor("garment_mask", "mask", 1)],
                [tensor("garment_picture", "features", 4)]
            ),
            (
                "tryon", [tensor("person", "rgb", 3), tensor("garment_picture", "features", 4)],
                [
                    tensor("tryon", "rgb", 3), tensor("flow", "flow", 2), tensor("composition", "mask", 1),
                    tensor("rendered", "rgb", 3),
                ]
            ),
        ]
        return parts.map { component, inputs, outputs in
            [
                "target": "coreml", "precision": "fp16", "path": "coreml/\(component)_fp16.mlpackage",
                "contract": ["component": component, "inputs": inputs, "outputs": outputs] as [String: Any],
                "parity": [["bound_db": 40.0], ["bound_db": 50.0]],
                "footprint": ["file_bytes": 300, "weight_bytes": 200],
            ]
        }
    }
}
