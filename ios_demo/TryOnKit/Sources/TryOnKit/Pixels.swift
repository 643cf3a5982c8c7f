/// Samples of 8 bits, row by row: of a picture R, G, B, sRGB, upright; of a mask one a pixel.
public struct Pixels: Equatable, Sendable {
    public let height: Int
    public let width: Int
    public let channels: Int
    public let bytes: [UInt8]

    /// Traps unless there are as many bytes as that.
    public init(height: Int, width: Int, channels: Int, bytes: [UInt8]) {
        precondition(height * width * channels == bytes.count, "\(bytes.count) bytes for [\(height), \(width), \(channels)]")
        self.height = height
        self.width = width
        self.channels = channels
        self.bytes = bytes
    }

    public var size: Size { Size(height: height, width: width) }

    /// Whether sides and area are what the network's pictures may have: `dmvton_mobile/imaging/decode.py`, rule 2.
    public func requireUsable() throws {
        guard min(height, width) >= 32 else {
            throw TryOnError("The picture is only \(width)x\(height); each side needs 32 pixels or more. Use a larger one.")
        }
        guard height * width <= 100_000_000 else {
            throw TryOnError("The picture is larger than 100 megapixels. Scale it down first.")
        }
    }
}
