import Foundation

/// A garment that the `TryOn` which made it can put on anybody.
public struct PreparedGarment: Sendable {
    public let picture: GarmentPicture
    /// What the network's frame takes of the garment, by name.
    let tensors: [String: Tensor]
}

/// Puts garments on people, at the photos' own resolution: prepare a garment once, then one call per frame.
///
/// `prepare` and `tryOn` run different artifacts, so that each may have a thread of its own; neither is for several.
public final class TryOn: @unchecked Sendable {
    public let bundle: TryOnBundle
    public let precision: Precision
    public let compositor: Compositor
    private let once: [Session]
    private let frame: Session
    private let size: Size
    /// Of the frame before.
    private var texture: GarmentTexture?

    /// Loads the artifacts. compositor: what paints the frames. Throws TryOnError where the bundle has none for the
    /// runtime in that precision, and what the runtime throws.
    public init(
        _ bundle: TryOnBundle, in runtime: Runtime, _ precision: Precision, threads: Int = 2,
        compositor: Compositor = CPUCompositor()
    ) throws {
        let artifacts = try bundle.manifest.artifacts(for: runtime.target, precision)
        let sessions = try artifacts.map { try Session($0, of: bundle, in: runtime, threads: threads) }
        self.bundle = bundle
        self.precision = precision
        once = sessions.dropLast()
        frame = sessions[sessions.count - 1]
        self.compositor = compositor
        size = Size(height: bundle.manifest.size[0], width: bundle.manifest.size[1])
    }

    /// What frames need of a garment. Throws TryOnError for a mask of another size, and a picture that is too small.
    public func prepare(rgb: Pixels, mask: Pixels) throws -> PreparedGarment {
        try rgb.requireUsable()
        let picture = try GarmentPicture(rgb: rgb, mask: mask)
        let inputs = [
            "garment": rgb.networkInput(of: picture.canvas, size: size),
            "garment_mask": mask.networkInput(of: picture.canvas, size: size),
        ]
        let tensors = try Self.run(once, on: inputs)
        let taken = Set(frame.contract.inputs.map(\.name))
        return PreparedGarment(picture: picture, tensors: tensors.filter { taken.contains($0.key) })
    }

    /// The person's photo with the garment on, [H, W, 3], the photo's own size; outside the window unchanged. Throws
    /// TryOnError where the network gives no numbers.
    public func tryOn(_ photo: Pixels, wearing garment: PreparedGarment) throws -> Pixels {
        try photo.requireUsable()
        let window = Window.person(in: photo.size)
        let person = photo.networkInput(of: window, size: size)
        let outputs = try frame.run(garment.tensors.merging(["person": person]) { $1 })
        guard let flow = outputs["flow"], let composition = outputs["composition"], let rendered = outputs["rendered"] else {
            throw TryOnError("The network gives \(outputs.keys.sorted()); composition needs flow, composition, rendered.")
        }
        let blend = try Blend(
            photo: photo, window: window, garment: garment.picture,
            outputs: FrameOutputs(flow: flow, composition: composition, rendered: rendered, person: person),
            alignCorners: bundle.manifest.alignCorners, keeping: texture
        )
        texture = blend.texture
        return try compositor.paint(blend, on: photo)
    }

    /// Runs the golden inputs and holds the outputs against the golden ones. Throws TryOnError naming what differs.
    public func replay(target: Target) throws -> [ParityFigure] {
        let golden = try Golden(of: bundle, precision)
        let computed = try frame.run(Self.run(once, on: golden.inputs))
        let bound = try bundle.manifest.boundDb(for: target, precision)
        return try golden.compare(computed, contract: frame.contract, boundDb: bound)
    }

    /// One after the other: the given tensors and all that was computed from them.
    private static func run(_ sessions: [Session], on tensors: [String: Tensor]) throws -> [String: Tensor] {
        try sessions.reduce(tensors) { tensors, session in try tensors.merging(session.run(tensors)) { $1 } }
    }
}
