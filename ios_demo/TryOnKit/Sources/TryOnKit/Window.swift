/// A rectangle of a picture, in its pixels. It may reach outside (left or top below 0): that part is padding.
public struct Window: Equatable, Sendable {
    public let left: Int
    public let top: Int
    public let width: Int
    public let height: Int

    public init(left: Int, top: Int, width: Int, height: Int) {
        self.left = left
        self.top = top
        self.width = width
        self.height = height
    }

    /// What the network sees of a person's photo: the largest 3 : 4 window that fits, in the middle, at the top.
    public static func person(in photo: Size) -> Window {
        guard photo.width * 4 >= photo.height * 3 else {
            return Window(left: 0, top: 0, width: photo.width, height: photo.width * 4 / 3)
        }
        let width = photo.height * 3 / 4
        return Window(left: (photo.width - width) / 2, top: 0, width: width, height: photo.height)
    }

    /// What the network sees of a garment's picture: the smallest 3 : 4 canvas that holds it, the garment in the middle.
    public static func garmentCanvas(around picture: Size) -> Window {
        if picture.width * 4 >= picture.height * 3 {
            let height = (picture.width * 4 + 2) / 3  // rounded up
            return Window(left: 0, top: -((height - picture.height) / 2), width: picture.width, height: height)
        }
        let width = (picture.height * 3 + 3) / 4
        return Window(left: -((width - picture.width) / 2), top: 0, width: width, height: picture.height)
    }

    /// Whether a picture holds all of it.
    func isInside(_ picture: Size) -> Bool {
        left >= 0 && top >= 0 && left + width <= picture.width && top + height <= picture.height
    }

    /// The window of a picture, padded white, or of a mask, padded 0, where it reaches outside.
    func cut(_ pixels: Pixels) -> Pixels {
        let channels = pixels.channels
        var bytes = [UInt8](repeating: channels == 1 ? 0 : 255, count: height * width * channels)
        let columns = max(left, 0)..<max(left, 0, min(left + width, pixels.width))
        for y in 0..<height where (0..<pixels.height).contains(top + y) && !columns.isEmpty {
            let source = ((top + y) * pixels.width + columns.lowerBound) * channels
            let place = (y * width + columns.lowerBound - left) * channels
            let count = columns.count * channels
            bytes.replaceSubrange(place..<place + count, with: pixels.bytes[source..<source + count])
        }
        return Pixels(height: height, width: width, channels: channels, bytes: bytes)
    }
}
