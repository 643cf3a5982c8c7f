package org.dmvton.tryonkit

import java.io.File
import kotlinx.serialization.Serializable

/** What Python answers, case by case: `tests/golden/apps`, or where DMVTON_VECTORS says. */
object Vectors {
    val folder: File = System.getenv("DMVTON_VECTORS")?.let(::File)
        ?: generateSequence(File("").absoluteFile) { it.parentFile }
            .map { File(it, "tests/golden/apps") }
            .first { it.isDirectory }

    val cases: Cases by lazy { parse(bytes("vectors.json")).decode(Cases.serializer()) }
    internal val arrays by lazy { Safetensors(bytes("arrays.safetensors")) }
    val bundle = File(folder, "bundle")

    fun bytes(name: String): ByteArray = File(folder, name).readBytes()

    fun zip(name: String) = File(folder, "zips/$name.zip")

    fun floats(name: String): Tensor = arrays.floats(name)

    fun pixels(name: String): Pixels = arrays.pixels(name)
}

internal fun Safetensors.pixels(name: String): Pixels {
    val (shape, bytes) = bytes(name)
    return Pixels(shape[0], shape[1], shape.getOrElse(2) { 1 }, bytes)
}

@Serializable
class Cases(
    val windows: List<OfWindow>,
    val resizes: List<OfResize>,
    val cameras: List<OfCamera>,
    val composites: List<OfComposite>,
    val replays: List<OfReplay>,
    val tensorFiles: List<OfTensorFile>,
    val refusals: List<OfRefusal>,
    val zips: List<OfZip>,
) {
    @Serializable
    class OfWindow(val height: Int, val width: Int, val person: List<Int>, val garment: List<Int>)

    @Serializable
    class OfResize(val name: String, val window: List<Int>, val size: List<Int>)

    @Serializable
    class OfCamera(
        val name: String,
        val kind: String,
        val height: Int,
        val width: Int,
        val rowStrides: List<Int>,
        val pixelStrides: List<Int>,
        val degrees: Int,
        val mirrored: Boolean,
    )

    @Serializable
    class OfComposite(val name: String, val alignCorners: Boolean)

    @Serializable
    class OfReplay(val name: String, val kind: Kind, val boundDb: Double, val passes: Boolean, val psnrDb: Double?)

    @Serializable
    class OfTensorFile(val name: String, val base64: String, val shape: List<Int>?, val values: List<Float>?)

    @Serializable
    class Change(
        val op: String,
        val path: String,
        val base64: String? = null,
        val to: String? = null,
        val bytes: Int? = null,
    )

    @Serializable
    class OfRefusal(val name: String, val changes: List<Change>, val kind: String?)

    @Serializable
    class OfZip(val name: String, val kind: String?, val may: Boolean)
}
