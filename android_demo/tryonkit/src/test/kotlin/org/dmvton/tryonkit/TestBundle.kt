package org.dmvton.tryonkit

import java.io.ByteArrayOutputStream
import java.io.File
import java.nio.ByteBuffer
import java.nio.ByteOrder
import kotlinx.serialization.json.JsonArray
import kotlinx.serialization.json.JsonElement
import kotlinx.serialization.json.JsonPrimitive
import kotlinx.serialization.json.add
import kotlinx.serialization.json.buildJsonArray
import kotlinx.serialization.json.buildJsonObject
import kotlinx.serialization.json.put
import kotlinx.serialization.json.putJsonArray
import kotlinx.serialization.json.putJsonObject

/**
 * A bundle for LiteRT in two components, sealed: its artifacts are read by `FakeRuntime` alone. Its network answers as
 * a composite case recorded it; pictures are NHWC, so that layouts matter.
 */
object TestBundle {
    private const val GOLDEN = "golden/tryon.safetensors"
    private val NO_DIGEST = "0".repeat(64)
    val artifacts = listOf("garment_encoder", "tryon").map { "tflite/${it}_fp16.tflite" }

    fun write(folder: File) {
        for ((path, content) in sealed(safetensors(recordedGolden()))) File(folder, path).writeMaking(content)
    }

    /** Its files and manifest, by path; golden: what that file holds. */
    fun sealed(golden: ByteArray): Map<String, ByteArray> {
        val contents = artifacts.associateWith { "model of $it".encodeToByteArray() } + (GOLDEN to golden)
        val manifest = buildJsonObject {
            put("schema_version", 1)
            put("network", "test")
            put("align_corners", false)
            putJsonArray("size") { add(64); add(48) }
            put("components", "split")
            put("trained", true)
            putJsonArray("golden") { add(GOLDEN) }
            putJsonObject("files") {
                for ((path, content) in contents) {
                    putJsonObject(path) {
                        put("sha256", sha256(content))
                        put("bytes", content.size)
                    }
                }
            }
            put("digest", NO_DIGEST)
            put("artifacts", manifestArtifacts())
        }
        return contents + (Manifest.NAME to seal(manifest.toString()))
    }

    /** A manifest's text with its digest made anew. */
    fun seal(text: String): ByteArray {
        val unsealed = text.replace(Regex("(\"digest\": ?)\"[0-9a-f]{64}\""), "$1\"$NO_DIGEST\"")
        return unsealed.replace(NO_DIGEST, sha256(unsealed.encodeToByteArray())).encodeToByteArray()
    }

    /** The case that everything is recorded from. */
    internal val recorded: CompositeCase by lazy { CompositeCase("small_garment") }

    fun recordedOutputs(): Map<String, Tensor> {
        val outputs = recorded.outputs
        return mapOf(
            "tryon" to outputs.rendered, "flow" to outputs.flow, "composition" to outputs.composition,
            "rendered" to outputs.rendered,
        )
    }

    private fun recordedGolden(): Map<String, Tensor> {
        val (garment, size) = recorded.garment to Size(64, 48)
        return mapOf(
            "input.person" to recorded.outputs.person,
            "input.garment" to garment.rgb.networkInput(garment.canvas, size),
            "input.garment_mask" to garment.mask.networkInput(garment.canvas, size),
        ) + recordedOutputs().mapKeys { "output.${it.key}" }
    }

    fun safetensors(tensors: Map<String, Tensor>): ByteArray {
        val content = ByteArrayOutputStream()
        val header = buildJsonObject {
            putJsonObject("__metadata__") { put("format", "pt") }
            for ((name, tensor) in tensors.toSortedMap()) {
                val bytes = ByteBuffer.allocate(4 * tensor.values.size).order(ByteOrder.LITTLE_ENDIAN)
                bytes.asFloatBuffer().put(tensor.values)
                putJsonObject(name) {
                    put("dtype", "F32")
                    put("shape", JsonArray(tensor.shape.map(::JsonPrimitive)))
                    putJsonArray("data_offsets") { add(content.size()); add(content.size() + bytes.capacity()) }
                }
                content.write(bytes.array())
            }
        }
        return tensorsFile(header.toString(), content.toByteArray())
    }

    fun tensorsFile(header: String, content: ByteArray): ByteArray {
        val text = header.encodeToByteArray()
        val length = ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN).putLong(text.size.toLong())
        return length.array() + text + content
    }

    private fun manifestArtifacts(): JsonArray = buildJsonArray {
        val features = tensor("garment_picture", "features", 4)
        val outputs = listOf(
            tensor("tryon", "rgb", 3), tensor("flow", "flow", 2), tensor("composition", "mask", 1),
            tensor("rendered", "rgb", 3),
        )
        val garment = listOf(tensor("garment", "rgb", 3), tensor("garment_mask", "mask", 1))
        add(artifact("garment_encoder", garment, listOf(features)))
        add(artifact("tryon", listOf(tensor("person", "rgb", 3), features), outputs))
    }

    private fun artifact(component: String, inputs: List<JsonElement>, outputs: List<JsonElement>) = buildJsonObject {
        put("target", "tflite")
        put("precision", "fp16")
        put("path", "tflite/${component}_fp16.tflite")
        putJsonObject("contract") {
            put("component", component)
            put("inputs", JsonArray(inputs))
            put("outputs", JsonArray(outputs))
        }
        putJsonArray("parity") {
            for (bound in listOf(40.0, 50.0)) add(buildJsonObject { put("bound_db", bound) })
        }
        putJsonObject("footprint") {
            put("file_bytes", 300)
            put("weight_bytes", 200)
        }
    }

    private fun tensor(name: String, kind: String, channels: Int) = buildJsonObject {
        val isPicture = kind == "rgb"
        put("name", name)
        put("kind", kind)
        put("layout", if (isPicture) "nhwc" else "nchw")
        val shape = if (isPicture) listOf(1, 64, 48, channels) else listOf(1, channels, 64, 48)
        put("shape", JsonArray(shape.map(::JsonPrimitive)))
    }
}

/** The good bundle of the vectors, in a folder of its own. */
fun copyOfGoodBundle(place: File): File = place.also { Vectors.bundle.copyRecursively(it) }

/** The same with another network's name. */
fun otherBundle(place: File): File = copyOfGoodBundle(place).also {
    val manifest = File(it, Manifest.NAME)
    manifest.writeBytes(TestBundle.seal(manifest.readText().replace("dmvton-student", "dmvton-lite")))
}

fun File.writeMaking(content: ByteArray) {
    parentFile.mkdirs()
    writeBytes(content)
}

fun File.names(): Set<String> = list().orEmpty().toSet()
