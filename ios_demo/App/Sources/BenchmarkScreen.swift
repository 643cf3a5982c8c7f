import SwiftUI
import TryOnKit

/// Measures a job as soon as it is there, says what it does, and ends the app.
struct BenchmarkScreen: View {
    let job: URL
    @State private var step = "Checking the bundle"

    var body: some View {
        VStack(spacing: 16) {
            ProgressView()
            Text(step).font(.footnote.monospaced())
        }
        .onAppear {
            UIApplication.shared.isIdleTimerDisabled = true
            // A thread of its own: nothing else of the app runs beside it
            Thread.detachNewThread { [job] in
                measure(job) { title in DispatchQueue.main.async { step = title } }
            }
        }
    }
}

/// Ends the app: with 0 where there is a record.
private func measure(_ job: URL, onStep: (String) -> Void) -> Never {
    do {
        let benchmark = try Benchmark(
            jobFile: job, runtimes: [CoreMLRuntime(units: .all)], clock: SystemClock(), probes: PhoneProbes()
        )
        print(try benchmark.run(onStep: onStep).printed())
    } catch {
        print("The benchmark ended: \(error.localizedDescription)")
        exit(1)
    }
    exit(0)  // which writes out what is printed
}
