/// A camera's frame as the picture that everything starts from, by the rule of `dmvton_mobile/imaging/camera.py`.

/// Samples of one kind. rowStride, pixelStride: bytes from one row, or sample, to the next.
public struct Plane {
    let data: UnsafeRawBufferPointer
    let rowStride: Int
    let pixelStride: Int

    /// data must live as long as the plane.
    public init(data: UnsafeRawBufferPointer, rowStride: Int, pixelStride: Int) {
        self.data = data
        self.rowStride = rowStride
        self.pixelStride = pixelStride
    }

    /// Throws TryOnError where the plane is too short for samples [height, width].
    fileprivate func requireSamples(height: Int, width: Int) throws {
        let last = (height - 1) * rowStride + (width - 1) * pixelStride
        guard pixelStride >= 1, rowStride >= 1 + (width - 1) * pixelStride, last < data.count else {
            throw TryOnError(
                "A plane of \(data.count) bytes, \(rowStride) from row to row and \(pixelStride) from sample to sample, "
                    + "does not hold \(width)x\(height) samples."
            )
        }
    }

    fileprivate subscript(y: Int, x: Int) -> Int { Int(data[y * rowStride + x * pixelStride]) }
}

extension Pixels {
    /// YUV 4:2:0, full range, ITU-R 601: a pixel takes the chroma sample (y / 2, x / 2). Throws TryOnError for a plane that
    /// is too short.
    public init(y: Plane, u: Plane, v: Plane, height: Int, width: Int) throws {
        try y.requireSamples(height: height, width: width)
        for chroma in [u, v] {
            try chroma.requireSamples(height: (height + 1) / 2, width: (width + 1) / 2)
        }
        func cut(_ value: Int) -> UInt8 { UInt8(min(max(value, 0), 255)) }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(height * width * 3)
        for row in 0..<height {
            for column in 0..<width {
                let luma = y[row, column]
                let blue = u[row / 2, column / 2] - 128
                let red = v[row / 2, column / 2] - 128
                bytes.append(cut(luma + ((91881 * red + 32768) >> 16)))
                bytes.append(cut(luma + ((-22554 * blue - 46802 * red + 32768) >> 16)))
                bytes.append(cut(luma + ((116130 * blue + 32768) >> 16)))
            }
        }
        self.init(height: height, width: width, channels: 3, bytes: bytes)
    }

    /// BGRA, four bytes a pixel, rows padded to rowBytes; alpha is dropped. Throws TryOnError where there are too few
    /// bytes.
    public init(bgra: UnsafeRawBufferPointer, rowBytes: Int, height: Int, width: Int) throws {
        guard rowBytes >= 4 * width, bgra.count >= (height - 1) * rowBytes + 4 * width else {
            throw TryOnError(
                "\(bgra.count) bytes, \(rowBytes) from row to row, do not hold \(width)x\(height) pixels of BGRA."
            )
        }
        let bytes = [UInt8](unsafeUninitializedCapacity: height * width * 3) { made, count in
            count = 0
            for row in 0..<height {
                for place in stride(from: row * rowBytes, to: row * rowBytes + 4 * width, by: 4) {
                    made[count] = bgra[place + 2]
                    made[count + 1] = bgra[place + 1]
                    made[count + 2] = bgra[place]
                    count += 3
                }
            }
        }
        self.init(height: height, width: width, channels: 3, bytes: bytes)
    }

    /// Turned clockwise by the sensor's degrees, then, of a camera that faces its user, mirrored left to right. Throws
    /// TryOnError for another angle than 0, 90, 180, 270.
    public func upright(degrees: Int, mirrored: Bool) throws -> Pixels {
        guard [0, 90, 180, 270].contains(degrees) else {
            throw TryOnError("A sensor is turned by one of 0, 90, 180, 270 degrees, not by \(degrees).")
        }
        let isQuarter = degrees % 180 != 0
        let turned = isQuarter ? Size(height: width, width: height) : size
        let turnedBytes = [UInt8](unsafeUninitializedCapacity: bytes.count) { made, count in
            count = 0
            for y in 0..<turned.height {
                for column in 0..<turned.width {
                    let x = mirrored ? turned.width - 1 - column : column
                    let (row, place): (Int, Int)
                    switch degrees {
                    case 90: (row, place) = (height - 1 - x, y)
                    case 180: (row, place) = (height - 1 - y, width - 1 - x)
                    case 270: (row, place) = (x, width - 1 - y)
                    default: (row, place) = (y, x)
                    }
                    let source = (row * width + place) * channels
                    for channel in 0..<channels {
                        made[count] = bytes[source + channel]
                        count += 1
                    }
                }
            }
        }
        return Pixels(height: turned.height, width: turned.width, channels: channels, bytes: turnedBytes)
    }
}
