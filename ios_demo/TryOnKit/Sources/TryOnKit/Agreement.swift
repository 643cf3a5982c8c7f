// The mean change of 3x3 network pixels up to which the photo's detail is the person's, and from which it is not.
private let agreesBelow: Float = 10.0 / 255
private let disagreesAbove: Float = 40.0 / 255

/// Where the generator left the person as it was: 1 there, 0 where it did not, [H, W].
///
/// rendered, person: [3, H, W] in [0, 1]; visible: [H, W], how much of rendered shows: what the garment covers has no say.
/// The largest change of 3x3 pixels counts: the outline of what went away would stay as a ghost.
func agreement(of rendered: [Float], with person: [Float], visible: [Float], size: Size) -> [Float] {
    let count = size.height * size.width
    func reduced(_ index: Int, from start: Float, by combine: (Float, Int) -> Float) -> Float {
        let row = index / size.width, column = index % size.width
        var found = start
        for y in max(row - 1, 0)...min(row + 1, size.height - 1) {
            for x in max(column - 1, 0)...min(column + 1, size.width - 1) {
                found = combine(found, y * size.width + x)
            }
        }
        return found
    }
    let weights = (0..<count).map { reduced($0, from: 0) { $0 + visible[$1] } }
    var change = [Float](repeating: 0, count: count)
    for channel in 0..<3 {
        let plane = channel * count
        let difference = (0..<count).map { (rendered[plane + $0] - person[plane + $0]) * visible[$0] }
        for index in 0..<count {
            let mean = reduced(index, from: 0) { $0 + difference[$1] } / weights[index]
            change[index] = max(change[index], abs(mean) * visible[index])
        }
    }
    return (0..<count).map { index in
        let largest = reduced(index, from: 0) { max($0, change[$1]) }
        return min(max((disagreesAbove - largest) / (disagreesAbove - agreesBelow), 0), 1)
    }
}
