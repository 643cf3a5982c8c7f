package org.dmvton.tryonkit

import java.io.File
import java.util.Locale
import kotlin.math.abs
import kotlin.math.log10
import kotlinx.serialization.Serializable

/** One output of an artifact against the bundle's golden one. psnrDb: null where they are equal. */
@Serializable
data class ParityFigure(
    val output: String,
    val inputs: String,
    val psnrDb: Double?,
    val maxAbsError: Double,
    val boundDb: Double,
) {
    val holds: Boolean get() = psnrDb == null || psnrDb >= boundDb
}

/** Throws TryOnException for another shape, and for values that are not finite: then there is nothing to compare. */
internal fun compare(output: String, kind: Kind, reference: Tensor, candidate: Tensor, boundDb: Double): ParityFigure {
    if (candidate.shape != reference.shape) {
        throw TryOnException("The artifact gives $output as ${candidate.shape}, the network as ${reference.shape}.")
    }
    if (!reference.isFinite || !candidate.isFinite) {
        throw TryOnException("$output holds values that are not finite, on the golden inputs.")
    }
    var sum = 0.0
    var most = 0f
    for ((index, expected) in reference.values.withIndex()) {
        val found = candidate.values[index]
        val difference = expected.toDouble() - found
        sum += difference * difference
        most = maxOf(most, abs(expected - found))
    }
    val error = sum / reference.values.size
    val peak = kind.peak ?: (reference.values.max() - reference.values.min()).toDouble().takeIf { it != 0.0 } ?: 1.0
    val psnrDb = if (error == 0.0) null else 10 * log10(peak * peak / error)
    return ParityFigure(output, "example", psnrDb, most.toDouble(), boundDb)
}

/** The recorded inputs of a bundle and what the network made of them, by their contract names, NCHW. */
class Golden private constructor(val inputs: Map<String, Tensor>, val outputs: Map<String, Tensor>) {
    /**
     * What a frame's artifact gave, NCHW, against the golden outputs. boundDb: that each is held to. Throws
     * TryOnException naming what differs, and by how much.
     */
    fun compare(given: Map<String, Tensor>, contract: ComponentContract, boundDb: Double): List<ParityFigure> {
        if (outputs.keys != contract.outputs.map { it.name }.toSet()) {
            throw TryOnException("The golden outputs are ${outputs.keys.sorted()}, the artifact's are others.")
        }
        val figures = contract.outputs.map {
            val candidate = given[it.name] ?: throw TryOnException("The artifact gives no ${it.name}.")
            compare(it.name, it.kind, outputs.getValue(it.name), candidate, boundDb)
        }
        figures.firstOrNull { !it.holds }?.let {
            throw TryOnException(
                "${it.output} differs from the network's on the golden inputs: %.1f dB, the bound is %.1f dB. "
                    .format(Locale.ROOT, it.psnrDb, boundDb) + "Choose another runtime, or another precision.",
            )
        }
        return figures
    }

    companion object {
        /** Throws TryOnException where the bundle has none for that precision. */
        fun read(bundle: TryOnBundle, precision: Precision): Golden {
            val path = if (precision == Precision.INT8) "golden/tryon_int8.safetensors" else "golden/tryon.safetensors"
            if (path !in bundle.manifest.golden) {
                throw TryOnException("The bundle cannot be replayed: its manifest names no $path.")
            }
            val file = Safetensors(File(bundle.folder, path).readBytes())
            fun tensors(prefix: String) =
                file.names.filter { it.startsWith(prefix) }.associate { it.removePrefix(prefix) to file.floats(it) }
            val golden = Golden(tensors("input."), tensors("output."))
            val held = golden.inputs.size + golden.outputs.size
            if (golden.inputs.isEmpty() || golden.outputs.isEmpty() || held != file.names.size) {
                throw TryOnException("$path does not hold the tensors of a replay.")
            }
            return golden
        }
    }
}

/**
 * The strictest bound that the artifacts were held to when they were made. Throws TryOnException where there is none.
 */
fun Manifest.boundDb(target: Target, precision: Precision): Double =
    artifacts(target, precision).flatMap { it.parity }.maxOfOrNull { it.boundDb }
        ?: throw TryOnException("The bundle gives no bound for $target $precision to hold it to.")
