/// A garment's flat picture, its mask and the 3 : 4 canvas around it.
public struct GarmentPicture: Equatable, Sendable {
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
public struct GarmentTexture: Equatable, Sendable {
    let garment: GarmentPicture
    public let size: Size
    /// R, G, B, mask, row by row.
    public let pixels: [SIMD4<Float>]

    /// density: garment pixels per photo pixel along one axis. last: kept where it is the same garment's in the same size.
    init(_ garment: GarmentPicture, density: Double, keeping last: GarmentTexture? = nil) {
        let rgb = garment.rgb
        let divisor = density > 1 ? density : 1
        func reduced(_ length: Int) -> Int {
            max(1, Int((Double(length) / divisor).rounded(.toNearestOrEven)))
        }
        let size = Size(height: reduced(rgb.height), width: reduced(rgb.width))
        if let last, last.size == size, last.garment == garment {
            self = last
            return
        }
        // Multiplied before any filter: what lies beside the garment never colours its edge
        var pixels = garment.timesMask()
        if size != rgb.size {
            pixels = AxisFilter.cubic(from: rgb.width, to: size.width).apply(to: pixels, outer: rgb.height, inner: 1)
            pixels = AxisFilter.cubic(from: rgb.height, to: size.height).apply(to: pixels, outer: 1, inner: size.width)
        }
        self.garment = garment
        self.size = size
        self.pixels = pixels
    }
}

extension GarmentPicture {
    /// R, G, B times the mask, and the mask, in [0, 1].
    fileprivate func timesMask() -> [SIMD4<Float>] {
        let colours = rgb.bytes, mask = mask.bytes
        return [SIMD4<Float>](unsafeUninitializedCapacity: mask.count) { made, count in
            for index in mask.indices {
                let coverage = Float(mask[index]) / 255
                let bytes = SIMD3(colours[3 * index], colours[3 * index + 1], colours[3 * index + 2])
                made[index] = SIMD4(SIMD3<Float>(bytes) / 255 * coverage, coverage)
            }
            count = mask.count
        }
    }
}
