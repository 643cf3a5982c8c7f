package org.dmvton.tryonkit

import java.util.Locale
import kotlin.math.abs
import kotlin.math.roundToInt
import org.dmvton.tryonkit.Verdict.Check
import org.dmvton.tryonkit.Verdict.Validity

private class Finding(val validity: Validity, val reason: String)

/** The verdict on what was measured, as `benchmarks/verdict.py` gives it. Reasons come worst first. */
fun judge(suite: Suite, device: Device, artifacts: List<Artifacts>, runs: List<Run>): Verdict {
    val found = buildList {
        if (runs.isEmpty()) add(invalid("Nothing was measured."))
        for (run in runs) addAll(findings(suite, run).map { Finding(it.validity, "${run.title}: ${it.reason}") })
    }
    val validity = found.maxOfOrNull { it.validity } ?: Validity.VALID
    val checks = parityChecks(runs) + budgetChecks(suite.budget, artifacts, runs) + bandChecks(suite, device, runs)
    return Verdict(
        validity = validity,
        reasons = found.sortedByDescending { it.validity }.map { plain(it.reason) },
        checks = checks,
        passed = validity != Validity.INVALID && checks.all { it.held == true },
    )
}

private fun findings(suite: Suite, run: Run): List<Finding> = buildList {
    run.failure?.let { add(invalid(it)) }
    val frame = run.frame
    when {
        frame == null -> add(invalid("no frame was measured."))
        frame.samplesMs.size < suite.frame.minRuns ->
            add(invalid("${frame.samplesMs.size} frames of the ${suite.frame.minRuns} that the suite asks for."))
        else -> addAll(unsteady(suite.conditions, frame.summary))
    }
    for ((moment, state) in listOf("before" to run.before, "after" to run.after)) {
        if (state == null) {
            add(semiValid("the device's state $moment is not known."))
        } else {
            addAll(heldBack(suite.conditions, state, moment))
            if (moment == "before") addAll(disturbed(suite.conditions, state))
        }
    }
}

private fun unsteady(asked: Suite.Conditions, summary: Summary): List<Finding> = buildList {
    if (asked.maxSpread != null && summary.spread > asked.maxSpread) {
        val most = percent(asked.maxSpread)
        add(semiValid("frames spread by ${percent(summary.spread)} of their median; at most $most."))
    }
    if (asked.maxDrift != null && summary.drift != null && abs(summary.drift) > asked.maxDrift) {
        val most = percent(asked.maxDrift)
        add(semiValid("frames drifted by ${percent(summary.drift)} from first to last; at most $most."))
    }
}

private fun heldBack(asked: Suite.Conditions, state: DeviceState, moment: String): List<Finding> = buildList {
    if (state.throttled == true) add(invalid("the device held itself back $moment the run: let it cool down."))
    if (state.foreground == false) add(invalid("the app was not in front $moment the run."))
    if (state.lowPower == true) add(invalid("the device was in its low-power mode $moment the run."))
    val battery = state.batteryPercent
    if (battery != null && asked.minBatteryPercent != null && battery < asked.minBatteryPercent) {
        add(invalid("the battery was at $battery % $moment the run; at least ${asked.minBatteryPercent} %."))
    }
}

/** What a run itself warms and keeps busy, so it counts before one alone. */
private fun disturbed(asked: Suite.Conditions, state: DeviceState): List<Finding> = buildList {
    if (asked.maxLoad != null && (state.load == null || state.load > asked.maxLoad)) {
        val busy = if (state.load == null) "is not known" else "kept ${state.load} processors busy"
        add(semiValid("other work $busy; at most ${asked.maxLoad}."))
    }
    val heat = state.temperatureCelsius
    if (heat != null && asked.maxTemperatureCelsius != null && heat > asked.maxTemperatureCelsius) {
        add(semiValid("the device was at $heat degrees; at most ${asked.maxTemperatureCelsius}."))
    }
    if (asked.governors != null) {
        val others = state.governors?.minus(asked.governors.toSet())?.distinct()?.sorted()
        if (others == null) add(semiValid("how the processors' clock is governed is not known."))
        else if (others.isNotEmpty()) add(semiValid("processors were governed by ${others.joinToString(", ")}."))
    }
}

private fun parityChecks(runs: List<Run>): List<Check> = runs.filter { it.round == 1 }.map {
    Check("${it.title}: the frame's outputs are the bundle's.", held = if (it.parity == null) null else true)
}

/** One for each number that has a budget; an arena that no runtime tells is none. */
private fun budgetChecks(budget: Suite.Budget, artifacts: List<Artifacts>, runs: List<Run>): List<Check> =
    artifacts.flatMap { each ->
        val memory = runs.filter { it.target == each.target && it.precision == each.precision }.mapNotNull { it.memory }
        listOf(
            Triple("parameters", each.parametersBytes, budget.parametersBytes),
            Triple("files", each.fileBytes, budget.fileBytes),
            Triple("download", each.downloadBytes, budget.downloadBytes),
            Triple("arena", memory.mapNotNull { it.arenaBytes }.maxOrNull(), budget.arenaBytes),
            Triple("growth", memory.mapNotNull { it.growthBytes }.maxOrNull(), budget.growthBytes),
        ).mapNotNull { (name, spent, most) ->
            if (most == null || (name == "arena" && spent == null)) return@mapNotNull null
            val said = spent?.let(::megabytes) ?: "not known"
            Check(
                "${each.target} ${each.precision}: $name $said, budget ${megabytes(most)}.",
                held = spent?.let { it <= most },
            )
        }
    }

private fun bandChecks(suite: Suite, device: Device, runs: List<Run>): List<Check> {
    val names = listOfNotNull(device.name, device.model, device.processor).filter { it.isNotEmpty() }
    return suite.bands.filter { band -> names.any { matches(it, band.device) } }.flatMap { band ->
        runs.filter { it.target == band.target && it.precision == band.precision && it.threads == band.threads }
            .mapNotNull { run ->
                val median = run.frame?.summary?.medianMs ?: return@mapNotNull null
                Check(
                    "${run.title}: a frame takes %.1f ms, expected from ${band.leastMs} to ${band.mostMs}."
                        .format(Locale.ROOT, median),
                    held = median in band.leastMs..band.mostMs,
                )
            }
    }
}

private fun invalid(reason: String) = Finding(Validity.INVALID, reason)

private fun semiValid(reason: String) = Finding(Validity.SEMI_VALID, reason)

private fun percent(share: Double) = "${(share * 100).roundToInt()} %"

private fun megabytes(bytes: Long) = "%.1f MB".format(Locale.ROOT, bytes / 1e6)
