/// What a photo's pixels are made of in one frame: the network's small maps, the garment at the photo's density, and where
/// they lie. A `Compositor` paints it.
public struct Blend: Sendable {
    public let maps: NetworkMaps
    public let texture: GarmentTexture
    public let window: Window
    public let constants: Constants

    /// The same for every pixel. `Constants` of `Composite.metal` has these fields in this order.
    public struct Constants: Sendable {
        /// Fractions of the canvas -> pixels of the texture, x first.
        public let scale: SIMD2<Float>
        public let shift: SIMD2<Float>
        /// Widths and heights.
        public let maps: SIMD2<Int32>
        public let texture: SIMD2<Int32>
        public let window: SIMD2<Int32>
        /// The window's left and top in the photo.
        public let origin: SIMD2<Int32>
        public let photoWidth: Int32
        public let smallestWeight: Float
    }

    /// window: what of the photo the network saw. last: a texture that is kept where this frame needs the same. Throws
    /// TryOnError where these do not fit together.
    public init(
        photo: Pixels, window: Window, garment: GarmentPicture, outputs: FrameOutputs, alignCorners: Bool,
        keeping last: GarmentTexture? = nil
    ) throws {
        guard photo.channels == 3, window.isInside(photo.size) else {
            throw TryOnError(
                "\(window) reaches outside the photo, which is \(photo.width)x\(photo.height), or it is no RGB."
            )
        }
        maps = try NetworkMaps(outputs, garment: garment, window: window, alignCorners: alignCorners)
        texture = GarmentTexture(garment, density: maps.density, keeping: last)
        self.window = window
        let canvas = garment.canvas, pixels = SIMD2<Float>(texture.size.sides)
        let width = Float(garment.rgb.width), height = Float(garment.rgb.height)
        constants = Constants(
            scale: SIMD2(Float(canvas.width) / width, Float(canvas.height) / height) * pixels,
            shift: SIMD2(Float(canvas.left) / width, Float(canvas.top) / height) * pixels - 0.5,
            maps: maps.size.sides, texture: texture.size.sides,
            window: SIMD2(Int32(window.width), Int32(window.height)),
            origin: SIMD2(Int32(window.left), Int32(window.top)),
            photoWidth: Int32(photo.width), smallestWeight: NetworkMaps.smallestWeight
        )
    }
}

extension Size {
    fileprivate var sides: SIMD2<Int32> { SIMD2(Int32(width), Int32(height)) }
}
