/// A garment's flat picture, its mask and the 3 : 4 canvas around it.
public struct GarmentPicture: Sendable {
    /// [h, w, 3].
    public let rgb: Pixels
    /// [h, w], 255 garment.
    public let mask: Pixels
    public let canvas: Window

    /// Throws TryOnError where the mask has not the picture's size.
    public init(rgb: Pixels, mask: Pixels) throws {
        guard rgb.channels == 3, mask.channels == 1, mask.size == rgb.size else {
            throw TryOnError(
                "The garment's mask is \(mask.width)x\(mask.height) with \(mask.channels) channels, its picture "
                    + "\(rgb.width)x\(rgb.height) with \(rgb.channels). Give a mask of the picture's own size."
            )
        }
        self.rgb = rgb
        self.mask = mask
        canvas = .garmentCanvas(around: rgb.size)
    }
}

/// The garment times its mask, and the mask, in [0, 1], no finer than the photo samples it.
struct GarmentTexture {
    let size: Size
    /// R, G, B, mask.
    let pixels: [SIMD4<Float>]

    /// density: garment pixels per photo pixel along one axis.
    init(_ garment: GarmentPicture, density: Double) {
        let rgb = garment.rgb, mask = garment.mask.bytes
        // Multiplied before any filter: what lies beside the garment never colours its edge
        var values: [Float] = []
        values.reserveCapacity(4 * mask.count)
        for (index, covered) in mask.enumerated() {
            let coverage = Float(covered) / 255
            for channel in 0..<3 {
                values.append(Float(rgb.bytes[3 * index + channel]) / 255 * coverage)
            }
            values.append(coverage)
        }
        let divisor = density > 1 ? density : 1
        func reduced(_ length: Int) -> Int {
            max(1, Int((Double(length) / divisor).rounded(.toNearestOrEven)))
        }
        let size = Size(height: reduced(rgb.height), width: reduced(rgb.width))
        if size != rgb.size {
            values = AxisFilter.cubic(from: rgb.width, to: size.width).apply(to: values, outer: rgb.height, inner: 4)
            values = AxisFilter.cubic(from: rgb.height, to: size.height).apply(to: values, outer: 1, inner: 4 * size.width)
        }
        self.size = size
        pixels = (0..<size.height * size.width).map { index in
            SIMD4(values[4 * index], values[4 * index + 1], values[4 * index + 2], values[4 * index + 3])
        }
    }
}
