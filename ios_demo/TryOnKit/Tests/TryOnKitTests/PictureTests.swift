import Testing

@testable import TryOnKit

@Test(arguments: Vectors.cases.windows)
func windowsAndCanvases(_ of: Cases.WindowCase) {
    let size = Size(height: of.height, width: of.width)
    #expect(Window.person(in: size) == Window(of.person))
    #expect(Window.garmentCanvas(around: size) == Window(of.garment))
}

@Test(arguments: Vectors.cases.resizes)
func networkInputs(_ of: Cases.ResizeCase) throws {
    let pixels = try Vectors.pixels("resize.\(of.name).pixels")
    let answer = try Vectors.pixels("resize.\(of.name).answer")
    let size = Size(height: of.size[0], width: of.size[1])
    let window = Window(of.window)
    #expect(window.cut(pixels).resized(to: size) == answer)

    let input = pixels.networkInput(of: window, size: size)
    #expect(input.shape == [1, pixels.channels, size.height, size.width])
    #expect(Pixels(picture: input) == answer, "a pixel buffer holds all of it")
    let plane = size.height * size.width
    for (index, value) in input.values.enumerated() {
        let expected = Float(answer.bytes[index % plane * pixels.channels + index / plane]) / 255
        try #require(value == expected, "at \(index)")
    }
}

@Test(arguments: Vectors.cases.cameras)
func cameraFrames(_ of: Cases.CameraCase) throws {
    let frame: Pixels
    if of.kind == "bgra" {
        let bytes = try Vectors.arrays.bytes(of.name).bytes
        frame = try bytes.withUnsafeBytes {
            try Pixels(bgra: $0, rowBytes: of.rowStrides[0], height: of.height, width: of.width)
        }
    } else {
        frame = try withPlanes(of) { try Pixels(y: $0[0], u: $0[1], v: $0[2], height: of.height, width: of.width) }
    }
    #expect(try frame.upright(degrees: of.degrees, mirrored: of.mirrored) == Vectors.pixels("\(of.name).answer"))
}

/// The planes of a case, each less so many bytes at its end.
private func withPlanes<Result>(
    _ of: Cases.CameraCase, without bytes: Int = 0, body: ([Plane]) throws -> Result
) throws -> Result {
    let data = try ["y", "u", "v"].map { Array(try Vectors.arrays.bytes("\(of.name).\($0)").bytes.dropLast(bytes)) }
    return try data[0].withUnsafeBytes { y in
        try data[1].withUnsafeBytes { u in
            try data[2].withUnsafeBytes { v in
                try body(
                    zip([y, u, v], zip(of.rowStrides, of.pixelStrides)).map {
                        Plane(data: $0, rowStride: $1.0, pixelStride: $1.1)
                    }
                )
            }
        }
    }
}

@Test func aFrameThatIsTooShortIsRefused() throws {
    let yuv = try #require(Vectors.cases.cameras.first { $0.kind == "yuv" })
    #expect(throws: TryOnError.self) {
        try withPlanes(yuv, without: 40) {
            try Pixels(y: $0[0], u: $0[1], v: $0[2], height: yuv.height, width: yuv.width)
        }
    }
    let bytes = [UInt8](repeating: 7, count: 4 * 5 * 3 - 1)
    #expect(throws: TryOnError.self) {
        try bytes.withUnsafeBytes { try Pixels(bgra: $0, rowBytes: 20, height: 3, width: 5) }
    }
    #expect(throws: TryOnError.self) {
        try bytes.withUnsafeBytes { try Pixels(bgra: $0, rowBytes: 16, height: 3, width: 5) }
    }
}

@Test func anAngleThatNoSensorHasIsRefused() {
    let pixels = Pixels(height: 1, width: 2, channels: 3, bytes: [1, 2, 3, 4, 5, 6])
    #expect(throws: TryOnError.self) { try pixels.upright(degrees: 45, mirrored: false) }
}

@Test func aPictureThatIsTooSmallIsRefused() {
    let pixels = Pixels(height: 31, width: 40, channels: 1, bytes: [UInt8](repeating: 0, count: 31 * 40))
    #expect(throws: TryOnError.self) { try pixels.requireUsable() }
}
