import Dispatch

/// Paints what a frame was blended of. Every one gives the CPU's picture within the tolerance of docs/app-contract.md,
/// section 4. For one frame at a time.
public protocol Compositor {
    /// What it runs on.
    var name: String { get }

    /// The photo [H, W, 3] that the blend was made for, with the garment on; outside the window unchanged.
    func paint(_ blend: Blend, on photo: Pixels) throws -> Pixels
}

/// The reference, on all cores.
public struct CPUCompositor: Compositor {
    public let name = "CPU"

    public init() {}

    public func paint(_ blend: Blend, on photo: Pixels) throws -> Pixels {
        let brush = Brush(blend)
        var bytes = photo.bytes
        bytes.withUnsafeMutableBufferPointer { bytes in
            let rows = Rows(bytes: bytes, width: photo.width)
            DispatchQueue.concurrentPerform(iterations: blend.window.height) { row in
                brush.paint(row, of: rows)
            }
        }
        return Pixels(height: photo.height, width: photo.width, channels: 3, bytes: bytes)
    }
}

/// A photo's bytes, to be worked on row by row at the same time.
private struct Rows: @unchecked Sendable {
    let bytes: UnsafeMutableBufferPointer<UInt8>
    let width: Int
}

private struct Brush: Sendable {
    let blend: Blend
    let columns: [(centre: Float, between: Between)]

    init(_ blend: Blend) {
        self.blend = blend
        columns = (0..<blend.window.width).map { column in
            let centre = (Float(column) + 0.5) / Float(blend.window.width)
            return (centre, Between(border: centre, of: blend.maps.size.width))
        }
    }

    /// Puts the garment on one row of the window.
    func paint(_ row: Int, of photo: Rows) {
        let maps = blend.maps, window = blend.window, size = blend.texture.size
        let scale = blend.constants.scale, shift = blend.constants.shift
        let centre = (Float(row) + 0.5) / Float(window.height)
        let down = Between(border: centre, of: maps.size.height)
        var place = ((window.top + row) * photo.width + window.left) * 3
        maps.pixels.withUnsafeBufferPointer { small in
            blend.texture.pixels.withUnsafeBufferPointer { texture in
                for column in columns {
                    let seen = maps.sample(small, down: down, across: column.between)
                    let position = SIMD2(column.centre + seen.garment.x, centre + seen.garment.y) * scale + shift
                    let sampled = sampleInZeros(x: position.x, y: position.y, size: size) { row, column in
                        texture[row * size.width + column]
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
