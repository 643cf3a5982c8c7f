import Foundation
import Testing

@testable import TryOnKit

/// What Python answers, case by case: `tests/golden/apps`, or where DMVTON_VECTORS says.
enum Vectors {
    static let folder: URL = {
        if let named = ProcessInfo.processInfo.environment["DMVTON_VECTORS"] {
            return URL(fileURLWithPath: named)
        }
        let up = (0..<5).reduce(URL(fileURLWithPath: #filePath)) { url, _ in url.deletingLastPathComponent() }
        return up.appendingPathComponent("tests/golden/apps")
    }()

    static let cases = try! jsonDecoder().decode(Cases.self, from: file("vectors.json"))
    static let arrays = try! Safetensors(file("arrays.safetensors"))

    static func file(_ name: String) throws -> Data {
        try Data(contentsOf: folder.appendingPathComponent(name))
    }

    static func pixels(_ name: String) throws -> Pixels { try arrays.pixels(name) }
}

extension Safetensors {
    func pixels(_ name: String) throws -> Pixels {
        let (shape, bytes) = try bytes(name)
        return Pixels(height: shape[0], width: shape[1], channels: shape.count == 3 ? shape[2] : 1, bytes: bytes)
    }
}

struct Cases: Decodable {
    struct WindowCase: Decodable {
        let height: Int
        let width: Int
        let person: [Int]
        let garment: [Int]
    }

    struct ResizeCase: Decodable {
        let name: String
        let window: [Int]
        let size: [Int]
    }

    struct CameraCase: Decodable {
        let name: String
        let kind: String
        let height: Int
        let width: Int
        let rowStrides: [Int]
        let pixelStrides: [Int]
        let degrees: Int
        let mirrored: Bool
    }

    struct CompositeCase: Decodable {
        let name: String
        let alignCorners: Bool
    }

    struct ReplayCase: Decodable {
        let name: String
        let kind: Kind
        let boundDb: Double
        let passes: Bool
        let psnrDb: Double?
    }

    struct TensorFileCase: Decodable {
        let name: String
        let base64: Data
        let shape: [Int]?
        let values: [Float]?
    }

    struct Change: Decodable {
        let op: String
        let path: String
        let base64: Data?
        let to: String?
        let bytes: Int?
    }

    struct RefusalCase: Decodable {
        let name: String
        let changes: [Change]
        let kind: String?
    }

    struct ZipCase: Decodable {
        let name: String
        let kind: String?
        let may: Bool
    }

    let windows: [WindowCase]
    let resizes: [ResizeCase]
    let cameras: [CameraCase]
    let composites: [CompositeCase]
    let replays: [ReplayCase]
    let tensorFiles: [TensorFileCase]
    let refusals: [RefusalCase]
    let zips: [ZipCase]
}

extension Window {
    init(_ sides: [Int]) {
        self.init(left: sides[0], top: sides[1], width: sides[2], height: sides[3])
    }
}

/// A test of a group without cases would pass.
@Test func everyGroupHasCases() {
    let cases = Vectors.cases
    let groups = [
        ("windows", cases.windows.count), ("resizes", cases.resizes.count), ("cameras", cases.cameras.count),
        ("composites", cases.composites.count), ("replays", cases.replays.count),
        ("tensor files", cases.tensorFiles.count), ("refusals", cases.refusals.count), ("zips", cases.zips.count),
    ]
    for (name, count) in groups {
        print("vectors: \(name) \(count)")
        #expect(count > 0, "\(name)")
    }
}
