package org.dmvton.tryonkit

import java.io.File
import java.nio.file.Files
import java.nio.file.Paths
import java.util.Base64
import org.junit.Assert.assertEquals
import org.junit.Assert.assertFalse
import org.junit.Assert.assertNotEquals
import org.junit.Assert.assertNull
import org.junit.Assert.assertTrue
import org.junit.Rule
import org.junit.Test
import org.junit.rules.TemporaryFolder

class BundleTest {
    @get:Rule
    val temporary = TemporaryFolder()

    @Test
    fun `changed bundles`() {
        for (case in Vectors.cases.refusals) {
            val folder = temporary.newFolder(case.name)
            val bundle = copyOfGoodBundle(File(folder, "good.dmvton"))
            case.changes.forEach { make(it, bundle) }
            assertInstalled(case.name, bundle, File(folder, "store"), case.kind, false)
        }
    }

    @Test
    fun zips() {
        for (case in Vectors.cases.zips) {
            val store = File(temporary.newFolder(case.name), "store")
            assertInstalled(case.name, Vectors.zip(case.name), store, case.kind, case.may)
        }
    }

    /** Where it is refused, nothing is installed and nothing is left. may: a good one may be refused. */
    private fun assertInstalled(name: String, source: File, place: File, refusedAs: String?, may: Boolean) {
        val store = BundleStore(place)
        val digest = try {
            store.install(source).manifest.digest
        } catch (refusal: BundleRefusal) {
            if (!may) assertEquals("$name: ${refusal.message}", refusedAs, refusal.kind.toString())
            assertEquals(name, emptySet<String>(), place.names())
            assertNull(name, store.installed())
            return
        }
        assertNull("$name was installed", refusedAs)
        assertEquals(name, digest, store.installed()?.manifest?.digest)
    }

    private fun make(change: Cases.Change, bundle: File) {
        val place = File(bundle, change.path)
        when (change.op) {
            "write" -> place.writeMaking(Base64.getDecoder().decode(change.base64))
            "remove" -> check(place.delete())
            "link" -> Files.createSymbolicLink(place.toPath(), Paths.get(change.to!!))
            "grow" -> place.appendBytes(ByteArray(change.bytes!!) { ' '.code.toByte() })
            else -> error("no such change: ${change.op}")
        }
    }

    @Test
    fun `what the manifest says`() {
        val bundle = TryOnBundle.verify(Vectors.bundle)
        val manifest = bundle.manifest
        assertEquals("dmvton-student", manifest.network)
        assertEquals(listOf(false, true), listOf(manifest.trained, manifest.alignCorners))
        assertEquals(listOf(Precision.FP16), manifest.precisions(Target.TFLITE))
        assertEquals(emptyList<Precision>(), manifest.precisions(Target.ONNX))
        val artifact = manifest.artifacts(Target.TFLITE, Precision.FP16).single()
        assertEquals(File(Vectors.bundle, "tflite/whole_fp16.tflite"), bundle.place(artifact))
        assertEquals(60.0, manifest.boundDb(Target.TFLITE, Precision.FP16), 0.0)
        assertRefused { manifest.artifacts(Target.TFLITE, Precision.INT8) }
    }

    @Test
    fun `a signature makes a bundle signed`() {
        val bundle = copyOfGoodBundle(File(temporary.root, "b"))
        assertFalse(TryOnBundle.verify(bundle).isSigned)
        File(bundle, "signature").writeText("{}")
        assertTrue(TryOnBundle.verify(bundle).isSigned)
    }

    @Test
    fun `a signature is installed with its bundle`() {
        val bundle = copyOfGoodBundle(File(temporary.root, "b"))
        File(bundle, "signature").writeText("{}")
        assertTrue(BundleStore(File(temporary.root, "store")).install(bundle).isSigned)
    }

    @Test
    fun `a number in quotes is no number`() {
        val text = Vectors.bytes("bundle/manifest.json").decodeToString()
        val changed = text.replace(Regex("\"bytes\": (\\d+)"), "\"bytes\": \"$1\"")
        assertRefused(BundleRefusal.Kind.INVALID) { Manifest.read(TestBundle.seal(changed)) }
    }

    @Test
    fun `a hostile manifest is refused`() {
        val text = Vectors.bytes("bundle/manifest.json").decodeToString()
        val bytes = Regex("\"bytes\": (\\d+)")
        for (hostile in listOf(
            "[".repeat(100_000), text.replaceFirst("{", "{\"x\": " + "[".repeat(100_000)),
            text.replace(bytes, "\"bytes\": 99999999999999999999"), text.replace(bytes, "\"bytes\": -1"),
            text.replace("64,", "1e99,"), text.replace("64,", "NaN,"), text.replace("64,", "1000000000,"),
        )) {
            assertNotEquals(text, hostile)
            assertRefused(BundleRefusal.Kind.INVALID) { Manifest.read(TestBundle.seal(hostile)) }
        }
    }

    @Test
    fun `unpacking stops where an entry gives more than it said`() {
        val packed = ByteArray(200_000) { (it * it shr 3).toByte() }
        val said = 100_000
        for (method in ZipMaker.Method.entries) {
            val folder = temporary.newFolder(method.name)
            val zip = File(folder, "b.zip")
            ZipMaker().apply {
                for ((path, content) in TestBundle.sealed(packed.copyOf(said))) {
                    add(path, if (path.startsWith("golden")) packed else content, method, saying = content.size)
                }
            }.write(zip)
            val written = File(folder, "out/golden/tryon.safetensors")
            assertRefused(BundleRefusal.Kind.DAMAGED) {
                BundleZip(zip).unpack { File(folder, "out/$it").apply { parentFile.mkdirs() }.outputStream() }
            }
            assertTrue("$method: ${written.length()} bytes", written.length() <= said)
        }
    }

    @Test
    fun `what the manifest does not list as it is is refused before anything is unpacked`() {
        assertRefused(BundleRefusal.Kind.UNLISTED) { BundleZip(Vectors.zip("unlisted")) }
        assertRefused(BundleRefusal.Kind.CHANGED) { BundleZip(Vectors.zip("other_size")) }
    }

    @Test
    fun `a signature that would unpack to too much is refused`() {
        val zip = File(temporary.root, "b.zip")
        val large = ByteArray(200_000) { (it * it shr 3).toByte() } // so that the zip is no bomb by its ratio
        ZipMaker().apply {
            for ((path, content) in TestBundle.sealed(large)) add(path, content, ZipMaker.Method.STORED)
            add(Manifest.SIGNATURE, ByteArray(2), ZipMaker.Method.STORED, saying = Manifest.MOST_BYTES.toInt() + 1)
        }.write(zip)
        assertRefused(BundleRefusal.Kind.UNSAFE) { BundleZip(zip) }
    }

    @Test
    fun `an entry that gives less than it said is damaged`() {
        val zip = File(temporary.root, "b.zip")
        ZipMaker().apply {
            for ((path, content) in TestBundle.sealed(ByteArray(50) { 1 })) {
                val kept = if (path.startsWith("golden")) content.copyOf(content.size - 1) else content
                add(path, kept, ZipMaker.Method.DEFLATED, saying = content.size)
            }
        }.write(zip)
        assertRefused(BundleRefusal.Kind.DAMAGED) { BundleStore(File(temporary.root, "store")).install(zip) }
    }

    @Test
    fun `a zip of too many files is refused`() {
        val zip = File(temporary.root, "b.zip")
        ZipMaker().apply {
            for (number in 0..BundleZip.MOST_ENTRIES) add("f$number", ByteArray(0), ZipMaker.Method.STORED)
        }.write(zip)
        assertRefused(BundleRefusal.Kind.UNSAFE) { BundleZip(zip) }
    }
}
