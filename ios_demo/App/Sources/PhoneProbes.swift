import TryOnKit
import UIKit
import os

/// What iOS tells an app of its device.
struct PhoneProbes: Probes {
    let memoryKind = MemoryKind.physFootprint

    func device(named name: String) -> Device {
        var system = utsname()
        uname(&system)
        let model = withUnsafeBytes(of: system.machine) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
        let version = ProcessInfo.processInfo.operatingSystemVersion
        return Device(
            kind: .ios, name: name, model: model, abi: "arm64", cores: ProcessInfo.processInfo.processorCount,
            memoryBytes: Int(ProcessInfo.processInfo.physicalMemory),
            system: "iOS \(version.majorVersion).\(version.minorVersion).\(version.patchVersion)"
        )
    }

    /// Not on the main thread, which is asked.
    func state() -> DeviceState {
        DispatchQueue.main.sync { MainActor.assumeIsolated { stateOnMain() } }
    }

    @MainActor
    private func stateOnMain() -> DeviceState {
        let phone = UIDevice.current, process = ProcessInfo.processInfo
        phone.isBatteryMonitoringEnabled = true
        let isKnown = phone.batteryState != .unknown && phone.batteryLevel >= 0
        let free = os_proc_available_memory()
        return DeviceState(
            throttled: process.thermalState == .serious || process.thermalState == .critical,
            batteryPercent: isKnown ? Double(phone.batteryLevel) * 100 : nil,
            charging: isKnown ? phone.batteryState != .unplugged : nil,
            lowPower: process.isLowPowerModeEnabled,
            foreground: UIApplication.shared.applicationState == .active,
            freeMemoryBytes: free > 0 ? Int(free) : nil
        )
    }

    func memoryBytes() -> Int? { vmInfo().map { Int($0.phys_footprint) } }

    func lifetimePeakBytes() -> Int? { vmInfo().map { Int($0.ledger_phys_footprint_peak) } }

    private func vmInfo() -> task_vm_info_data_t? {
        var info = task_vm_info_data_t()
        var count = mach_msg_type_number_t(MemoryLayout<task_vm_info_data_t>.size / MemoryLayout<integer_t>.size)
        let status = withUnsafeMutablePointer(to: &info) { place in
            place.withMemoryRebound(to: integer_t.self, capacity: Int(count)) {
                task_info(mach_task_self_, task_flavor_t(TASK_VM_INFO), $0, &count)
            }
        }
        return status == KERN_SUCCESS ? info : nil
    }
}

extension ProcessInfo.ThermalState {
    var title: String {
        switch self {
        case .nominal: return "cool"
        case .fair: return "warm"
        case .serious: return "hot: held back"
        case .critical: return "very hot: held back"
        @unknown default: return "not known"
        }
    }
}
