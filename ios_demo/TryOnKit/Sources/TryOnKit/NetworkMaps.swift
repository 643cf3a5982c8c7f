/// What the network says of one photo, and what follows from it: small maps that go up to the photo's size.
public struct NetworkMaps: Sendable {
    /// Of one network pixel, or of a place between four of them. `MapPixel` of `Composite.metal` has these fields in this
    /// order.
    public struct Pixel: Sendable {
        /// x, y: how far the garment's pixel is from here, in fractions of the canvas. z: how much of the garment shows.
        /// w: how much of it is there.
        public var garment: SIMD4<Float>
        /// The generator's colour and 1, times how much of it shows.
        public var painted: SIMD4<Float>
        /// The person's colour and the agreement with it, times the same.
        public var person: SIMD4<Float>

        @inline(__always)
        static func between(_ first: Pixel, _ second: Pixel, _ share: Float) -> Pixel {
            Pixel(
                garment: first.garment + (second.garment - first.garment) * share,
                painted: first.painted + (second.painted - first.painted) * share,
                person: first.person + (second.person - first.person) * share
            )
        }
    }

    static let smallestWeight: Float = 1e-3  // below it a weighted average has no valid neighbour

    public let size: Size
    /// Row by row.
    public let pixels: [Pixel]
    /// Garment pixels per photo pixel along one axis, where the garment shows: the median, so seams do not count.
    let density: Double

    /// Throws TryOnError where the outputs do not fit together, or hold what is no number.
    init(_ outputs: FrameOutputs, garment: GarmentPicture, window: Window, alignCorners: Bool) throws {
        let size = try outputs.checkedSize()
        let count = size.height * size.width
        let flow = outputs.flow.values, shown = outputs.composition.values
        let rendered = outputs.rendered.values, person = outputs.person.values
        let mask = garment.mask.networkInput(of: garment.canvas, size: size).values
        let visible = shown.map { max(1 - $0, Self.smallestWeight) }
        let agreement = agreement(of: rendered, with: person, visible: visible, size: size)
        let width = Float(size.width), height = Float(size.height)

        var positions: [SIMD2<Float>] = []
        var pixels: [Pixel] = []
        positions.reserveCapacity(count)
        pixels.reserveCapacity(count)
        for index in 0..<count {
            let column = index % size.width, row = index / size.width
            let x = Self.pixel(flow[index], of: width, alignCorners)
            let y = Self.pixel(flow[count + index], of: height, alignCorners)
            let covered = sampleInZeros(x: x, y: y, size: size) { row, column in
                SIMD4(repeating: mask[row * size.width + column] > 0.5 ? 1 : 0)
            }
            let position = SIMD2((x + 0.5) / width, (y + 0.5) / height)
            let own = SIMD2((Float(column) + 0.5) / width, (Float(row) + 0.5) / height)
            func colour(_ planes: [Float]) -> SIMD3<Float> {
                SIMD3(planes[index], planes[count + index], planes[2 * count + index])
            }
            positions.append(position)
            pixels.append(
                Pixel(
                    garment: SIMD4(position.x - own.x, position.y - own.y, shown[index], covered.x),
                    painted: SIMD4(colour(rendered), 1) * visible[index],
                    person: SIMD4(colour(person), agreement[index]) * visible[index]
                )
            )
        }
        self.size = size
        self.pixels = pixels
        density = Self.density(of: positions, shown: shown, size: size, window: window, canvas: garment.canvas)
    }

    /// Between the centres, at fractions of the window.
    @inline(__always)
    func sample(_ pixels: UnsafeBufferPointer<Pixel>, down: Between, across: Between) -> Pixel {
        let above = down.below * size.width, below = down.above * size.width
        let upper = Pixel.between(pixels[above + across.below], pixels[above + across.above], across.share)
        let lower = Pixel.between(pixels[below + across.below], pixels[below + across.above], across.share)
        return Pixel.between(upper, lower, down.share)
    }

    /// The pixel, of n, that a flow's value names.
    private static func pixel(_ flow: Float, of count: Float, _ alignCorners: Bool) -> Float {
        alignCorners ? (flow + 1) / 2 * (count - 1) : ((flow + 1) * count - 1) / 2
    }

    private static func density(
        of positions: [SIMD2<Float>], shown: [Float], size: Size, window: Window, canvas: Window
    ) -> Double {
        /// Central differences, one-sided at the border; step: from one pixel to the next in memory.
        func difference(_ index: Int, at place: Int, of count: Int, step: Int) -> SIMD2<Float> {
            let before = place > 0 ? index - step : index
            let after = place < count - 1 ? index + step : index
            let change = positions[after] - positions[before]
            return after - before == 2 * step ? change / 2 : change
        }
        let areas = shown.indices.filter { shown[$0] > 0.5 }.map { index -> Float in
            let byRow = difference(index, at: index / size.width, of: size.height, step: size.width)
            let byColumn = difference(index, at: index % size.width, of: size.width, step: 1)
            return abs(byColumn.x * byRow.y - byColumn.y * byRow.x)
        }
        guard !areas.isEmpty else { return 1 }
        let area = Double(areas.sorted()[(areas.count - 1) / 2])
        let across = Double(canvas.width * size.width) / Double(window.width)
        let down = Double(canvas.height * size.height) / Double(window.height)
        return (area * across * down).squareRoot()
    }
}
