/// What a process needed while it was watched.
///
/// A peak that the system keeps counts from the process's first moment, so it is this run's only where it rose; else the
/// most of what was seen counts.
struct MemoryWatch {
    private let probes: Probes
    private let bare: Int?
    private let earlierPeak: Int?
    private var loaded: Int?
    private var most: Int?

    /// Begins with the bare process.
    init(_ probes: Probes) {
        self.probes = probes
        bare = probes.memoryBytes()
        most = bare
        earlierPeak = probes.lifetimePeakBytes()
    }

    mutating func look() {
        if let now = probes.memoryBytes() {
            most = max(now, most ?? now)
        }
    }

    /// After one run of all components.
    mutating func noteLoaded() {
        look()
        loaded = probes.memoryBytes()
    }

    /// nil where the device does not tell.
    func memory() -> Memory? {
        guard let bare else { return nil }
        var peak = most
        if let earlierPeak, let now = probes.lifetimePeakBytes(), now > earlierPeak {
            peak = max(now, most ?? now)
        }
        return Memory(kind: probes.memoryKind, bareBytes: bare, loadedBytes: loaded, peakBytes: peak, arenaBytes: nil)
    }
}
