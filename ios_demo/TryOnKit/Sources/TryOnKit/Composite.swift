/// What composition needs of a frame: float32 NCHW, batch 1, all of one height and width.
public struct FrameOutputs: Sendable {
    /// 2 channels: a sampling grid in the garment's canvas, x first.
    public let flow: Tensor
    /// 1 channel, in [0, 1]: how much of the garment shows.
    public let composition: Tensor
    /// 3 channels, R, G, B in [0, 1]: what the generator painted.
    public let rendered: Tensor
    /// 3 channels: the network's input.
    public let person: Tensor

    public init(flow: Tensor, composition: Tensor, rendered: Tensor, person: Tensor) {
        self.flow = flow
        self.composition = composition
        self.rendered = rendered
        self.person = person
    }

    /// Throws TryOnError where shapes do not fit together, and where a network gave no numbers.
    func checkedSize() throws -> Size {
        guard flow.shape.count == 4, flow.shape[2] >= 2, flow.shape[3] >= 2 else {
            throw TryOnError("flow must be [1, 2, H, W] of two pixels or more, it is \(flow.shape).")
        }
        let size = Size(height: flow.shape[2], width: flow.shape[3])
        let all = [("flow", flow, 2), ("composition", composition, 1), ("rendered", rendered, 3), ("person", person, 3)]
        for (name, tensor, channels) in all {
            let shape = [1, channels, size.height, size.width]
            guard tensor.shape == shape else {
                throw TryOnError("\(name) must be \(shape), it is \(tensor.shape).")
            }
            guard tensor.isFinite else {
                throw TryOnError("\(name) holds NaN or infinity: the network gave no numbers for this picture.")
            }
        }
        return size
    }
}

/// The photo [H, W, 3] with the garment on, by the rule of `dmvton_mobile/imaging/composite.py`, painted by the CPU. Outside the
/// window it is the photo, bit by bit.
///
/// window: what of the photo the network saw. Throws TryOnError where these do not fit together.
public func composite(
    photo: Pixels, window: Window, garment: GarmentPicture, outputs: FrameOutputs, alignCorners: Bool
) throws -> Pixels {
    let blend = try Blend(photo: photo, window: window, garment: garment, outputs: outputs, alignCorners: alignCorners)
    return try CPUCompositor().paint(blend, on: photo)
}
