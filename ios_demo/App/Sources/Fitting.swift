import CoreGraphics
import CoreML
import TryOnKit

/// One bundle in one choice of compute units and precision, and the garment that is worn: for the queue of frames.
final class Fitting: @unchecked Sendable {
    let tryOn: TryOn
    private let frame = NSLock()
    private let lock = NSLock()
    private var worn: PreparedGarment?

    /// Compiles what was not compiled yet, which takes a while; a debug build replays the golden tensors. Throws TryOnError.
    init(_ bundle: TryOnBundle, units: MLComputeUnits, precision: Precision) throws {
        tryOn = try TryOn(bundle, in: CoreMLRuntime(units: units), precision, compositor: makeCompositor())
        #if DEBUG
        _ = try tryOn.replay(target: .coreml)
        #endif
    }

    /// The garment's share of the work, off the queue of frames.
    func wear(_ garment: Garment) throws {
        let prepared = try tryOn.prepare(rgb: garment.rgb, mask: garment.mask)
        lock.withLock { worn = prepared }
    }

    /// The picture with the garment on; as it is while none is worn. A camera's last frame and a photo take turns.
    func dress(_ photo: Pixels) throws -> Pixels {
        guard let worn = lock.withLock({ worn }) else { return photo }
        return try frame.withLock { try tryOn.tryOn(photo, wearing: worn) }
    }
}

/// A garment's picture, ready to be worn.
struct Garment: Identifiable, Sendable {
    let id = UUID()
    let rgb: Pixels
    let mask: Pixels
    let image: CGImage

    /// Of a picture file. Throws TryOnError where it is none, or where the garment is in it cannot be told.
    init(_ data: Data) throws {
        image = try readImage(data)
        let (rgb, alpha) = try Pixels.rgbAndAlpha(image)
        self.rgb = rgb
        mask = try garmentMask(image, alpha: alpha)
    }
}
