public enum DeviceKind: String, Codable, Sendable {
    case host, cuda, linux, android, ios
}

/// What does not change of a device. name: as it was asked for. model: `iPhone16,1`. system: `iOS 18.1`.
public struct Device: Codable, Equatable, Sendable {
    public let kind: DeviceKind
    public let name: String
    @OrNull public var model: String?
    @OrNull public var processor: String?
    @OrNull public var accelerator: String?
    @OrNull public var abi: String?
    @OrNull public var cores: Int?
    @OrNull public var memoryBytes: Int?
    @OrNull public var system: String?

    public init(
        kind: DeviceKind, name: String, model: String?, abi: String?, cores: Int?, memoryBytes: Int?, system: String?
    ) {
        self.kind = kind
        self.name = name
        self.model = model
        self.abi = abi
        self.cores = cores
        self.memoryBytes = memoryBytes
        self.system = system
    }
}

/// Of the device at one moment. load: processors that other work keeps busy. foreground: whether the app is in front.
public struct DeviceState: Codable, Equatable, Sendable {
    @OrNull public var governors: [String]?
    @OrNull public var frequenciesKhz: [Int]?
    @OrNull public var temperatureCelsius: Double?
    @OrNull public var throttled: Bool?
    @OrNull public var batteryPercent: Double?
    @OrNull public var charging: Bool?
    @OrNull public var lowPower: Bool?
    @OrNull public var foreground: Bool?
    @OrNull public var freeMemoryBytes: Int?
    @OrNull public var load: Double?

    public init(
        throttled: Bool?, batteryPercent: Double?, charging: Bool?, lowPower: Bool?, foreground: Bool?,
        freeMemoryBytes: Int?
    ) {
        self.throttled = throttled
        self.batteryPercent = batteryPercent
        self.charging = charging
        self.lowPower = lowPower
        self.foreground = foreground
        self.freeMemoryBytes = freeMemoryBytes
    }
}

/// What an app can ask its device. nil for what it does not tell.
public protocol Probes {
    var memoryKind: MemoryKind { get }

    func device(named: String) -> Device
    func state() -> DeviceState
    /// Of this process now.
    func memoryBytes() -> Int?
    /// The most there was since this process began.
    func lifetimePeakBytes() -> Int?
}
