import MetalKernel
import Testing

@testable import TryOnKit

/// The app's Metal kernel, compiled for this machine, on what `MetalCompositor` gives it.
struct KernelCompositor: Compositor {
    let name = "Metal's kernel"

    func paint(_ blend: Blend, on photo: Pixels) throws -> Pixels {
        var bytes = photo.bytes
        // Whole groups of threads, so more of them than pixels
        let width = UInt32(blend.window.width + 7), height = UInt32(blend.window.height + 3)
        withUnsafeBytes(of: blend.constants) { constants in
            blend.maps.pixels.withUnsafeBytes { maps in
                blend.texture.pixels.withUnsafeBytes { texture in
                    compositeGrid(
                        constants.baseAddress, maps.baseAddress, texture.baseAddress, &bytes, width, height
                    )
                }
            }
        }
        return Pixels(height: photo.height, width: photo.width, channels: 3, bytes: bytes)
    }
}

@Test(arguments: Vectors.cases.composites)
func compositesOfMetalsKernel(_ of: Cases.CompositeCase) throws {
    let held = try CompositeCase(of.name)
    let made = try KernelCompositor().paint(held.blend(alignCorners: of.alignCorners), on: held.photo)
    try requireAgreement(made, held.answer, photo: held.photo, name: "\(of.name), Metal's kernel")
}

/// Closer than the contract asks, up to the edges of a garment that fills its picture: the same arithmetic, but for how a
/// compiler joins a product and a sum.
@Test(arguments: Vectors.cases.composites)
func metalsKernelPaintsWhatTheCPUPaints(_ of: Cases.CompositeCase) throws {
    let held = try CompositeCase(of.name)
    let rgb = held.garment.rgb
    let filling = Pixels(
        height: rgb.height, width: rgb.width, channels: 1, bytes: [UInt8](repeating: 255, count: rgb.height * rgb.width)
    )
    let blend = try Blend(
        photo: held.photo, window: .person(in: held.photo.size), garment: GarmentPicture(rgb: rgb, mask: filling),
        outputs: held.outputs, alignCorners: of.alignCorners
    )
    let made = try KernelCompositor().paint(blend, on: held.photo)
    let reference = try CPUCompositor().paint(blend, on: held.photo)
    let differences = zip(made.bytes, reference.bytes).map { abs(Int($0) - Int($1)) }
    print("composite \(of.name), Metal's kernel: \(differences.filter { $0 > 0 }.count) bytes are not the CPU's")
    #expect(differences.allSatisfy { $0 <= 1 })
    #expect(differences.filter { $0 > 0 }.count * 1000 <= differences.count)
}
