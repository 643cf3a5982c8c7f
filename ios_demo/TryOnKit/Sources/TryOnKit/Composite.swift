import Dispatch

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

/// The photo [H, W, 3] with the garment on, by the rule of `dmvton_mobile/composite.py`. Outside the window it is the
/// photo, bit by bit.
///
/// window: what of the photo the network saw. Throws TryOnError where these do not fit together.
public func composite(
    photo: Pixels, window: Window, garment: GarmentPicture, outputs: FrameOutputs, alignCorners: Bool
) throws -> Pixels {
    guard photo.channels == 3, window.isInside(photo.size) else {
        throw TryOnError("\(window) reaches outside the photo, which is \(photo.width)x\(photo.height), or it is no RGB.")
    }
    let maps = try NetworkMaps(outputs, garment: garment, window: window, alignCorners: alignCorners)
    let texture = GarmentTexture(garment, density: maps.density)
    let blend = Blend(maps: maps, texture: texture, canvas: garment.canvas, garment: garment.rgb.size, window: window)
    var bytes = photo.bytes
    bytes.withUnsafeMutableBufferPointer { bytes in
        let rows = Rows(bytes: bytes, width: photo.width)
        DispatchQueue.concurrentPerform(iterations: window.height) { row in
            blend.paint(row, of: rows)
        }
    }
    return Pixels(height: photo.height, width: photo.width, channels: 3, bytes: bytes)
}

/// A photo's bytes, to be worked on row by row at the same time.
private struct Rows: @unchecked Sendable {
    let bytes: UnsafeMutableBufferPointer<UInt8>
    let width: Int
}

private struct Blend: Sendable {
    let maps: NetworkMaps
    let texture: GarmentTexture
    let columns: [(centre: Float, between: Between)]
    let window: Window
    /// Fractions of the canvas -> pixels of the texture.
    let scale: SIMD2<Float>
    let shift: SIMD2<Float>

    /// garment: the size of the picture that the texture was made of.
    init(maps: NetworkMaps, texture: GarmentTexture, canvas: Window, garment: Size, window: Window) {
        self.maps = maps
        self.texture = texture
        self.window = window
        columns = (0..<window.width).map { column in
            let centre = (Float(column) + 0.5) / Float(window.width)
            return (centre, Between(border: centre, of: maps.size.width))
        }
        let width = Float(garment.width), height = Float(garment.height)
        let pixels = SIMD2(Float(texture.size.width), Float(texture.size.height))
        scale = SIMD2(Float(canvas.width) / width, Float(canvas.height) / height) * pixels
        shift = SIMD2(Float(canvas.left) / width, Float(canvas.top) / height) * pixels - 0.5
    }

    /// Puts the garment on one row of the window.
    func paint(_ row: Int, of photo: Rows) {
        let centre = (Float(row) + 0.5) / Float(window.height)
        let down = Between(border: centre, of: maps.size.height)
        var place = ((window.top + row) * photo.width + window.left) * 3
        maps.pixels.withUnsafeBufferPointer { small in
            texture.pixels.withUnsafeBufferPointer { texture in
                for column in columns {
                    let seen = maps.sample(small, down: down, across: column.between)
                    let position = SIMD2(column.centre + seen.garment.x, centre + seen.garment.y) * scale + shift
                    let sampled = sampleInZeros(x: position.x, y: position.y, size: self.texture.size) { row, column in
                        texture[row * self.texture.size.width + column]
                    }
                    let before = SIMD3(
                        Float(photo.bytes[place]), Float(photo.bytes[place + 1]), Float(photo.bytes[place + 2])
                    )
                    let colour = blended(seen, garment: sampled, photo: before / 255)
                    for channel in 0..<3 {
                        photo.bytes[place + channel] = byte(colour[channel])
                    }
                    place += 3
                }
            }
        }
    }

    /// garment: colour times mask, and mask. photo: in [0, 1].
    @inline(__always)
    private func blended(_ seen: NetworkMaps.Pixel, garment: SIMD4<Float>, photo: SIMD3<Float>) -> SIMD3<Float> {
        let least = NetworkMaps.smallestWeight
        let edge = garment.w
        let colour = rgb(garment) / max(edge, least)
        let opacity = min(max(seen.garment.z / max(seen.garment.w, least), 0), 1)
        let weight = opacity * min(max(edge, 0), 1)
        let visible = seen.painted.w, agreement = seen.person.w
        let detail = (photo * visible - rgb(seen.person)) * (agreement / visible)
        let base = (rgb(seen.painted) + detail) / visible
        return base + (colour - base) * weight
    }
}

@inline(__always)
private func rgb(_ pixel: SIMD4<Float>) -> SIMD3<Float> {
    SIMD3(pixel.x, pixel.y, pixel.z)
}

/// 0 to 255 of [0, 1], what lies outside cut off; 0 of what is no number.
@inline(__always)
private func byte(_ value: Float) -> UInt8 {
    let scaled = (value * 255).rounded(.toNearestOrEven)
    guard scaled > 0 else { return 0 }
    return scaled < 255 ? UInt8(scaled) : 255
}
