package org.dmvton.tryonkit

import kotlinx.serialization.Serializable
import kotlinx.serialization.json.JsonElement
import kotlinx.serialization.json.JsonNull
import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.JsonPrimitive
import org.dmvton.tryonkit.BundleRefusal.Kind

/**
 * `manifest.json`: what a bundle says of itself, as far as an app needs it.
 *
 * size: height and width of the network's pictures. trained: whether the weights are the result of training.
 */
@Serializable
data class Manifest(
    val network: String,
    val alignCorners: Boolean,
    val size: List<Int>,
    val components: Components,
    val trained: Boolean,
    val artifacts: List<Artifact>,
    val golden: List<String>,
    val files: Map<String, FileRecord>,
    val digest: String,
) {
    /** What vouches for a file. */
    @Serializable
    data class FileRecord(val sha256: String, val bytes: Long)

    /** How near an output of the artifact has to be to the network's. */
    @Serializable
    data class Bound(val boundDb: Double)

    /** Bytes of the artifact; weightBytes: of its parameters and buffers. */
    @Serializable
    data class Footprint(val fileBytes: Long, val weightBytes: Long)

    /** One file (Core ML: one package) that a runtime loads. */
    @Serializable
    data class Artifact(
        val target: Target,
        val precision: Precision,
        val path: String,
        val contract: ComponentContract,
        val parity: List<Bound>,
        val footprint: Footprint,
    )

    val pictureSize: Size get() = Size(size[0], size[1])

    /** Those of one target and precision, in the order that they run. Throws TryOnException where one is missing. */
    fun artifacts(target: Target, precision: Precision): List<Artifact> = components.members.map { member ->
        artifacts.firstOrNull { it.target == target && it.precision == precision && it.contract.component == member }
            ?: throw TryOnException("The bundle has no $member for $target $precision. Choose another precision.")
    }

    /** In which precisions the bundle holds artifacts for a target, in its order. */
    fun precisions(target: Target): List<Precision> =
        artifacts.filter { it.target == target }.map { it.precision }.distinct()

    companion object {
        internal const val NAME = "manifest.json"
        internal const val SIGNATURE = "signature"
        internal const val MOST_BYTES = 16L shl 20 // of either of the two

        /** Of a manifest.json. Throws BundleRefusal for the first fault of docs/app-contract.md, section 1. */
        fun read(text: ByteArray): Manifest {
            requireSize(text.size.toLong())
            val manifest = try {
                parse(text).also(::requireSchema).decode(serializer())
            } catch (fault: JsonFault) {
                val why = fault.message
                throw BundleRefusal(Kind.INVALID, "$NAME is not a valid manifest: $why. Make the bundle again.")
            }
            manifest.requireNumbers()
            manifest.requireDigest(text)
            manifest.requirePaths()
            return manifest
        }

        internal fun requireSize(bytes: Long) {
            if (bytes > MOST_BYTES) {
                throw BundleRefusal(Kind.TOO_LARGE, "$NAME has $bytes bytes; at most $MOST_BYTES are read.")
            }
        }
    }

    /** Numbers that an app computes with are of the kind that they must be. */
    private fun requireNumbers() {
        val shapes = artifacts.flatMap { it.contract.inputs + it.contract.outputs }.map { it.shape }
        val bytes = files.values.map { it.bytes } +
            artifacts.flatMap { listOf(it.footprint.fileBytes, it.footprint.weightBytes) }
        fun areLengths(numbers: List<Int>, count: Int) = numbers.size == count && numbers.all { it in 1..(1 shl 15) }
        val hold = areLengths(size, 2) && shapes.all { areLengths(it, 4) } &&
            bytes.all { it in 0..(1L shl 50) } && files.values.all { isSha256(it.sha256) }
        if (!hold) {
            throw BundleRefusal(
                Kind.INVALID, "$NAME holds a size, shape, length or hash that cannot be. Make the bundle again.",
            )
        }
    }

    /** The digest is the text's own, with zeros in its place. */
    private fun requireDigest(text: ByteArray) {
        if (!isSha256(digest)) {
            throw BundleRefusal(Kind.INVALID, "The digest in $NAME is not 64 lower-case hexadecimal digits.")
        }
        val unsealed = String(text, Charsets.ISO_8859_1).replace(digest, "0".repeat(64)) // a letter for every byte
        if (sha256(unsealed.toByteArray(Charsets.ISO_8859_1)) != digest) {
            throw BundleRefusal(Kind.DIGEST, "$NAME was changed after it was sealed: its digest does not match.")
        }
    }

    private fun requirePaths() {
        val named = artifacts.map { it.path } + golden
        (files.keys + named).firstOrNull { !isPlainPath(it) }?.let {
            throw BundleRefusal(Kind.PATH, "$NAME names '${plain(it)}', which is no plain relative path.")
        }
        firstTwin(files.keys)?.let {
            throw BundleRefusal(Kind.CASE, "$it and another path are one file where case does not count.")
        }
        named.firstOrNull { path -> path !in files && files.keys.none { it.startsWith("$path/") } }?.let {
            throw BundleRefusal(Kind.MISSING, "$it is named by $NAME, but is not among its files.")
        }
    }
}

private const val KNOWN_SCHEMA = 1

/** Read before anything else: another version may have other fields. Throws BundleRefusal for another version. */
private fun requireSchema(manifest: JsonElement) {
    val version = (manifest as? JsonObject)?.get("schema_version")
    if (version == null || version is JsonNull) throw JsonFault("it has no schema_version")
    val number = (version as? JsonPrimitive)?.takeIf { !it.isString }?.content?.toLongOrNull()
    if (number == KNOWN_SCHEMA.toLong()) return
    val which = when {
        number == null -> "a schema version that is no whole number"
        number > KNOWN_SCHEMA -> "the newer schema version $number"
        else -> "the older schema version $number"
    }
    val known = "this app reads $KNOWN_SCHEMA. Update the app, or make the bundle again."
    throw BundleRefusal(Kind.SCHEMA, "${Manifest.NAME} has $which; $known")
}
