import Foundation
import Testing

@testable import TryOnKit

/// Throws unless a composite is Python's within the contract's tolerance, and the photo outside the window.
func requireAgreement(_ made: Pixels, _ answer: Pixels, photo: Pixels, name: String) throws {
    try #require(made.size == answer.size && made.channels == 3)
    let window = Window.person(in: photo.size)
    var most = 0, near = 0
    for index in made.bytes.indices {
        let x = index / 3 % made.width, y = index / 3 / made.width
        let isInside = (window.left..<window.left + window.width).contains(x) && y < window.height
        try #require(isInside || made.bytes[index] == photo.bytes[index], "outside the window, at \(x), \(y)")
        let difference = abs(Int(made.bytes[index]) - Int(answer.bytes[index]))
        most = max(most, difference)
        near += difference <= 1 ? 1 : 0
    }
    let share = Double(near) / Double(made.bytes.count)
    print("composite \(name): largest difference \(most), within 1: \(share * 100) %")
    #expect(share >= 0.999)
    #expect(most <= 3)
}

struct CompositeCase {
    let name: String
    let photo: Pixels
    let garment: GarmentPicture
    let outputs: FrameOutputs
    let answer: Pixels

    /// Of the vectors, or of another file of tensors.
    init(_ name: String, of arrays: Safetensors = Vectors.arrays) throws {
        self.name = name
        func pixels(_ key: String) throws -> Pixels { try arrays.pixels("composite.\(name).\(key)") }
        func floats(_ key: String) throws -> Tensor { try arrays.floats("composite.\(name).\(key)") }
        photo = try pixels("photo")
        garment = try GarmentPicture(rgb: pixels("garment"), mask: pixels("mask"))
        outputs = try FrameOutputs(
            flow: floats("flow"), composition: floats("composition"), rendered: floats("rendered"),
            person: floats("person")
        )
        answer = try pixels("answer")
    }

    func composited(_ outputs: FrameOutputs, alignCorners: Bool) throws -> Pixels {
        try composite(
            photo: photo, window: .person(in: photo.size), garment: garment, outputs: outputs, alignCorners: alignCorners
        )
    }

    func blend(alignCorners: Bool, keeping last: GarmentTexture? = nil) throws -> Blend {
        try Blend(
            photo: photo, window: .person(in: photo.size), garment: garment, outputs: outputs, alignCorners: alignCorners,
            keeping: last
        )
    }
}

@Test(arguments: Vectors.cases.composites)
func composites(_ of: Cases.CompositeCase) throws {
    let held = try CompositeCase(of.name)
    let made = try held.composited(held.outputs, alignCorners: of.alignCorners)
    try requireAgreement(made, held.answer, photo: held.photo, name: of.name)
}

/// The texture of a frame before is kept only where a new one would be equal.
@Test func aTextureIsKeptForTheSameGarmentAndSize() throws {
    let held = try CompositeCase("small_garment")
    let first = try held.blend(alignCorners: true).texture
    let coarser = GarmentTexture(held.garment, density: 3)
    #expect(try held.blend(alignCorners: true, keeping: first).texture == first)
    #expect(try held.blend(alignCorners: true, keeping: coarser).texture == first)
    let inverted = Pixels(
        height: first.garment.rgb.height, width: first.garment.rgb.width, channels: 3,
        bytes: first.garment.rgb.bytes.map { 255 - $0 }
    )
    let other = try GarmentPicture(rgb: inverted, mask: held.garment.mask)
    let kept = GarmentTexture(held.garment, density: 2)
    #expect(GarmentTexture(other, density: 2, keeping: kept) == GarmentTexture(other, density: 2))
}

/// DMVTON_SCENE: a folder with what the default network made of the example photo; the picture is left there.
@Test func theScene() throws {
    guard let named = ProcessInfo.processInfo.environment["DMVTON_SCENE"] else { return }
    let folder = URL(fileURLWithPath: named)
    let arrays = try Safetensors(Data(contentsOf: folder.appendingPathComponent("scene.safetensors")))
    let scene = try CompositeCase("scene", of: arrays)
    let made = try scene.composited(scene.outputs, alignCorners: true)
    try requireAgreement(made, scene.answer, photo: scene.photo, name: scene.name)
    try Data(made.bytes).write(to: folder.appendingPathComponent("ios.rgb"))
}

@Test func aNetworkThatGivesNoNumbersIsRefused() throws {
    let held = try CompositeCase("small_garment")
    var values = held.outputs.flow.values
    values[7] = .nan
    let flow = Tensor(shape: held.outputs.flow.shape, values: values)
    let spoilt = FrameOutputs(
        flow: flow, composition: held.outputs.composition, rendered: held.outputs.rendered, person: held.outputs.person
    )
    #expect(throws: TryOnError.self) { try held.composited(spoilt, alignCorners: true) }
}

@Test func outputsThatDoNotFitTogetherAreRefused() throws {
    let held = try CompositeCase("small_garment")
    let swapped = FrameOutputs(
        flow: held.outputs.flow, composition: held.outputs.rendered, rendered: held.outputs.rendered,
        person: held.outputs.person
    )
    #expect(throws: TryOnError.self) { try held.composited(swapped, alignCorners: true) }
    let beyond = Window(left: 1, top: 0, width: held.photo.width, height: held.photo.height)
    #expect(throws: TryOnError.self) {
        try composite(
            photo: held.photo, window: beyond, garment: held.garment, outputs: held.outputs, alignCorners: true
        )
    }
}

/// A network that has gone astray gives a wrong picture; the app lives on.
@Test(arguments: [Float.greatestFiniteMagnitude, -Float.greatestFiniteMagnitude, 1e9, -1e9])
func aFlowFarOutsideShowsNoGarment(_ far: Float) throws {
    let held = try CompositeCase("small_garment")
    let rgb = held.garment.rgb
    let inverted = Pixels(height: rgb.height, width: rgb.width, channels: 3, bytes: rgb.bytes.map { 255 - $0 })
    let astray = FrameOutputs(
        flow: Tensor(shape: held.outputs.flow.shape, values: held.outputs.flow.values.map { _ in far }),
        composition: held.outputs.composition, rendered: held.outputs.rendered, person: held.outputs.person
    )
    let window = Window.person(in: held.photo.size)
    for compositor in [CPUCompositor(), KernelCompositor()] as [Compositor] {
        let made = try [rgb, inverted].map { picture in
            let garment = try GarmentPicture(rgb: picture, mask: held.garment.mask)
            let blend = try Blend(
                photo: held.photo, window: window, garment: garment, outputs: astray, alignCorners: false
            )
            return try compositor.paint(blend, on: held.photo)
        }
        #expect(made[0] == made[1], "\(compositor.name)")
        #expect(made[0] != held.answer, "\(compositor.name)")
    }
}
