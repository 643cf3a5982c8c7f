#if os(Linux) || os(macOS)

import Foundation
import Testing

@testable import TryOnKit

/// An installation in a process of its own, and where that is killed.
struct DyingInstallation: Codable {
    enum Death: Codable, Equatable {
        /// In mid-write, when all files together have so many bytes.
        case written(Int)
        case after(BundleStore.Step)
        /// Not at all.
        case never
    }

    let store: URL
    let source: URL
    let death: Death

    private static let variable = "DMVTON_DYING_INSTALLATION"

    /// What this process was started for; nil in the one that was started by somebody else.
    static let ordered = ProcessInfo.processInfo.environment[variable].map { text in
        try! JSONDecoder().decode(DyingInstallation.self, from: Data(text.utf8))
    }

    /// Starts these tests once more, with `dyingInstallation` alone, and waits for its end. Whether it was killed; false
    /// where it ended by itself. Throws where that was an error.
    func run() throws -> Bool {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: CommandLine.arguments[0])
        process.arguments = CommandLine.arguments.dropFirst() + ["--filter", "dyingInstallation"]
        let order = String(decoding: try JSONEncoder().encode(self), as: UTF8.self)
        process.environment = ProcessInfo.processInfo.environment.merging([Self.variable: order]) { $1 }
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        try process.run()
        process.waitUntilExit()
        if process.terminationReason == .uncaughtSignal, process.terminationStatus == SIGKILL { return true }
        try #require(process.terminationReason == .exit && process.terminationStatus == 0, "\(process.terminationStatus)")
        return false
    }

    fileprivate func perform() throws {
        var left = Int.max
        if case .written(let bytes) = death { left = bytes }
        let store = try BundleStore(folder: store) { piece, file in
            try NewFiles.append(piece.prefix(left), file)
            if left < piece.count { die() }
            left -= piece.count
        }
        _ = try store.install(from: source) { step in
            if death == .after(step) { die() }
        }
    }
}

/// For the process that `run` starts.
@Test(.enabled(if: DyingInstallation.ordered != nil, "only in a process that a test starts"))
func dyingInstallation() throws {
    try DyingInstallation.ordered?.perform()
}

/// Nothing is closed, no block ends.
private func die() -> Never {
    kill(getpid(), SIGKILL)
    fatalError("SIGKILL was survived")
}

#endif
