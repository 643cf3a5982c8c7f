import SwiftUI
import TryOnKit

@main
struct DemoApp: App {
    private let job = AppJob.file(
        of: ProcessInfo.processInfo.arguments, home: URL(fileURLWithPath: NSHomeDirectory(), isDirectory: true)
    )

    var body: some Scene {
        WindowGroup {
            if let job {
                BenchmarkScreen(job: job)
            } else {
                TryOnScreen()
            }
        }
    }
}
