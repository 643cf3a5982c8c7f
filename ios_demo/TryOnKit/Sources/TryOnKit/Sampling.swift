/// Where a bilinear sample lies along one axis: between two pixels, and how far from the first to the second.
struct Between {
    let below: Int
    let above: Int
    let share: Float

    /// At a fraction of n pixels; beyond the outermost centres, those repeat.
    init(border fraction: Float, of count: Int) {
        let place = min(max(fraction * Float(count) - 0.5, 0), Float(count - 1))
        below = Int(place)
        above = min(below + 1, count - 1)
        share = place - Float(below)
    }
}

/// A bilinear sample at pixel (x, y), where everything outside the picture is 0; of a position that is no number, too.
/// pixel: at row and column.
@inline(__always)
func sampleInZeros(
    x: Float, y: Float, size: Size, pixel: (Int, Int) -> SIMD4<Float>
) -> SIMD4<Float> {
    guard x > -1, y > -1, x < Float(size.width), y < Float(size.height) else { return .zero }
    let left = x.rounded(.down), top = y.rounded(.down)
    let column = Int(left), row = Int(top)
    let across = x - left, down = y - top
    @inline(__always)
    func weighted(_ row: Int, _ column: Int, _ weight: Float) -> SIMD4<Float> {
        let isInside = row >= 0 && column >= 0 && row < size.height && column < size.width
        return isInside ? pixel(row, column) * weight : .zero
    }
    let above = weighted(row, column, (1 - across) * (1 - down)) + weighted(row, column + 1, across * (1 - down))
    let below = weighted(row + 1, column, (1 - across) * down) + weighted(row + 1, column + 1, across * down)
    return above + below
}
