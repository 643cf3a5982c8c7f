import Foundation

/// The runtime that an artifact is for.
public enum Target: String, Codable, Sendable {
    case coreml, tflite, executorch, onnx
}

/// What the weights and the arithmetic are held in.
public enum Precision: String, Codable, Sendable, CaseIterable {
    case fp32, fp16, int8, w8, palette6
}

/// The graphs that a network goes out as.
public enum Component: String, Codable, Sendable {
    /// Once per garment.
    case garmentEncoder = "garment_encoder"
    /// Once per frame.
    case tryon
    /// Both in one.
    case whole
}

/// How a network is cut.
public enum Components: String, Codable, Sendable {
    case split, whole

    /// In the order that they run; the last is the frame's.
    public var members: [Component] {
        self == .whole ? [.whole] : [.garmentEncoder, .tryon]
    }
}

/// What the numbers of a tensor mean.
public enum Kind: String, Codable, Sendable {
    /// Red, green, blue in [0, 1].
    case rgb
    /// Coverage in [0, 1].
    case mask
    /// A sampling grid, x then y.
    case flow
    /// What the garment encoder hands to the frame.
    case features

    /// The width of the range, for PSNR; nil where a tensor has its own.
    var peak: Double? {
        switch self {
        case .rgb, .mask: return 1
        case .flow: return 2
        case .features: return nil
        }
    }
}

public enum Layout: String, Codable, Sendable {
    case nchw, nhwc
}

/// One float32 tensor of an artifact. `shape` is as the artifact holds it, in the order that `layout` names.
public struct TensorContract: Codable, Equatable, Sendable {
    public let name: String
    public let kind: Kind
    public let layout: Layout
    public let shape: [Int]

    public var nchwShape: [Int] {
        layout == .nchw ? shape : [shape[0], shape[3], shape[1], shape[2]]
    }
}

/// The tensors of one artifact, in the order that its runtime takes and gives them.
public struct ComponentContract: Codable, Equatable, Sendable {
    public let component: Component
    public let inputs: [TensorContract]
    public let outputs: [TensorContract]
}

/// Height and width in pixels.
public struct Size: Equatable, Sendable {
    public let height: Int
    public let width: Int

    public init(height: Int, width: Int) {
        self.height = height
        self.width = width
    }
}
