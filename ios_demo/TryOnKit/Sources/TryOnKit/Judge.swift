import Foundation

private typealias Finding = (validity: Verdict.Validity, reason: String)

/// The verdict on what was measured, as `benchmarks/verdict.py` gives it. Reasons come worst first.
public func judge(suite: Suite, device: Device, artifacts: [Artifacts], runs: [Run]) -> Verdict {
    var found: [Finding] = runs.isEmpty ? [(.invalid, "Nothing was measured.")] : []
    for run in runs {
        found += findings(suite, run).map { ($0.validity, "\(run.title): \($0.reason)") }
    }
    let worstFirst = Verdict.Validity.allCases.reversed()
    let checks = parityChecks(runs) + budgetChecks(suite.budget, artifacts, runs) + bandChecks(suite, device, runs)
    let validity = worstFirst.first { validity in found.contains { $0.validity == validity } } ?? .valid
    return Verdict(
        validity: validity,
        reasons: worstFirst.flatMap { validity in found.filter { $0.validity == validity }.map { plain($0.reason) } },
        checks: checks,
        passed: validity != .invalid && checks.allSatisfy { $0.held == true }
    )
}

private func findings(_ suite: Suite, _ run: Run) -> [Finding] {
    var found: [Finding] = run.failure.map { [(.invalid, $0)] } ?? []
    if let frame = run.frame {
        let frames = frame.samplesMs.count, asked = suite.frame.minRuns
        found += frames < asked
            ? [(.invalid, "\(frames) frames of the \(asked) that the suite asks for.")]
            : unsteady(suite.conditions, frame.summary)
    } else {
        found.append((.invalid, "no frame was measured."))
    }
    for (when, state) in [("before", run.before), ("after", run.after)] {
        found += state.map { kept($0, when, suite.conditions) }
            ?? [(.semiValid, "the device's state \(when) is not known.")]
    }
    return found
}

private func unsteady(_ asked: Suite.Conditions, _ summary: Summary) -> [Finding] {
    var found: [Finding] = []
    if let most = asked.maxSpread, summary.spread > most {
        found.append((.semiValid, "frames spread by \(percent(summary.spread)) of their median; at most \(percent(most))."))
    }
    if let most = asked.maxDrift, let drift = summary.drift, abs(drift) > most {
        found.append((.semiValid, "frames drifted by \(percent(drift)) from first to last; at most \(percent(most))."))
    }
    return found
}

/// Whether a state, before or after a run, is what the suite asks for.
private func kept(_ state: DeviceState, _ when: String, _ asked: Suite.Conditions) -> [Finding] {
    var found: [Finding] = []
    if state.throttled == true {
        found.append((.invalid, "the device held itself back \(when) the run: let it cool down."))
    }
    if state.foreground == false {
        found.append((.invalid, "the app was not in front \(when) the run."))
    }
    if state.lowPower == true {
        found.append((.invalid, "the device was in its low-power mode \(when) the run."))
    }
    if let battery = state.batteryPercent, let least = asked.minBatteryPercent, battery < least {
        found.append((.invalid, "the battery was at \(battery) % \(when) the run; at least \(least) %."))
    }
    return when == "before" ? found + calm(state, asked) : found
}

/// What a run itself warms and keeps busy, so it counts before one alone.
private func calm(_ state: DeviceState, _ asked: Suite.Conditions) -> [Finding] {
    var found: [Finding] = []
    if let most = asked.maxLoad, state.load.map({ $0 > most }) ?? true {
        let load = state.load.map { "kept \($0) processors busy" } ?? "is not known"
        found.append((.semiValid, "other work \(load); at most \(most)."))
    }
    if let heat = state.temperatureCelsius, let most = asked.maxTemperatureCelsius, heat > most {
        found.append((.semiValid, "the device was at \(heat) degrees; at most \(most)."))
    }
    if let governors = asked.governors {
        if let held = state.governors {
            let others = Set(held).subtracting(governors).sorted()
            found += others.isEmpty ? [] : [(.semiValid, "processors were governed by \(others.joined(separator: ", ")).")]
        } else {
            found.append((.semiValid, "how the processors' clock is governed is not known."))
        }
    }
    return found
}

private func parityChecks(_ runs: [Run]) -> [Verdict.Check] {
    runs.filter { $0.round == 1 }.map { run in
        Verdict.Check(what: "\(run.title): the frame's outputs are the bundle's.", held: run.parity == nil ? nil : true)
    }
}

/// One for each number that has a budget; an arena that no runtime tells is none.
private func budgetChecks(_ budget: Suite.Budget, _ artifacts: [Artifacts], _ runs: [Run]) -> [Verdict.Check] {
    artifacts.flatMap { each -> [Verdict.Check] in
        let memory = runs.filter { $0.target == each.target && $0.precision == each.precision }.compactMap(\.memory)
        let numbers: [(name: String, spent: Int?, budget: Int?)] = [
            ("parameters", each.parametersBytes, budget.parametersBytes),
            ("files", each.fileBytes, budget.fileBytes),
            ("download", each.downloadBytes, budget.downloadBytes),
            ("arena", memory.compactMap(\.arenaBytes).max(), budget.arenaBytes),
            ("growth", memory.compactMap(\.growthBytes).max(), budget.growthBytes),
        ]
        return numbers.compactMap { name, spent, budget in
            guard let budget, !(name == "arena" && spent == nil) else { return nil }
            let said = spent.map(megabytes) ?? "not known"
            return Verdict.Check(
                what: "\(each.target.rawValue) \(each.precision.rawValue): \(name) \(said), budget \(megabytes(budget)).",
                held: spent.map { $0 <= budget }
            )
        }
    }
}

private func bandChecks(_ suite: Suite, _ device: Device, _ runs: [Run]) -> [Verdict.Check] {
    let names = [device.name, device.model, device.processor].compactMap { $0 }.filter { !$0.isEmpty }
    return suite.bands.filter { band in names.contains { matches($0, pattern: band.device) } }.flatMap { band in
        runs.compactMap { run in
            guard (run.target, run.precision, run.threads) == (band.target, band.precision, band.threads),
                let median = run.frame?.summary.medianMs
            else { return nil }
            return Verdict.Check(
                what: "\(run.title): a frame takes \(median) ms, expected from \(band.leastMs) to \(band.mostMs).",
                held: band.leastMs <= median && median <= band.mostMs
            )
        }
    }
}

private func percent(_ share: Double) -> String {
    "\(Int((share * 100).rounded())) %"
}

private func megabytes(_ bytes: Int) -> String {
    String(format: "%.1f MB", Double(bytes) / 1e6)
}
