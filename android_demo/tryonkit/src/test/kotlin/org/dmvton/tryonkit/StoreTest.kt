package org.dmvton.tryonkit

import java.io.File
import org.junit.Assert.assertEquals
import org.junit.Assert.assertNull
import org.junit.Assert.assertTrue
import org.junit.Before
import org.junit.Rule
import org.junit.Test
import org.junit.rules.TemporaryFolder

class StoreTest {
    @get:Rule
    val temporary = TemporaryFolder()
    private lateinit var place: File
    private lateinit var old: TryOnBundle

    @Before
    fun installTheGoodBundle() {
        place = File(temporary.root, "store")
        old = BundleStore(place).install(Vectors.bundle)
    }

    @Test
    fun `a process that is killed while it writes leaves the old bundle working`() {
        val source = zipOf(otherBundle(File(temporary.root, "other")))
        val digest = TryOnBundle.verify(File(temporary.root, "other")).manifest.digest
        val all = File(temporary.root, "other").walk().filter { it.isFile }.sumOf { it.length() }
        for (written in listOf(0, 1, all / 2, all - 1, all, all + 32)) { // after all comes the pointer
            assertEquals("after $written bytes", HALTED, install(source, written))
            assertEquals("in its place before it counts", written >= all, File(place, digest).exists())
            assertEquals(old.manifest.digest, File(place, "current").readText())
            val next = BundleStore(place)
            assertEquals("after $written bytes", old.manifest.digest, next.installed()?.manifest?.digest)
            assertEquals("what was left is removed", setOf("current", old.manifest.digest), place.names())
        }
        assertEquals("nothing else ends it", 0, install(source, Long.MAX_VALUE))
        assertEquals(digest, BundleStore(place).installed()?.manifest?.digest)
        assertEquals(setOf("current", digest), place.names())
    }

    /** In a process of its own, which dies after so many bytes; its exit code. */
    private fun install(source: File, dyingAfter: Long): Int {
        val java = File(System.getProperty("java.home"), "bin/java").path
        val main = "org.dmvton.tryonkit.DyingInstallationKt"
        val classes = System.getProperty("java.class.path")
        val command = listOf(java, "-cp", classes, main, place.path, source.path, "$dyingAfter")
        return ProcessBuilder(command).inheritIO().start().waitFor()
    }

    private fun zipOf(folder: File): File = File(temporary.root, "other.zip").also { zip ->
        ZipMaker().apply {
            folder.walk().filter { it.isFile }.forEach {
                add(it.relativeTo(folder).invariantSeparatorsPath, it.readBytes(), ZipMaker.Method.DEFLATED)
            }
        }.write(zip)
    }

    @Test
    fun `until the last step the old bundle counts`() {
        val dying = BundleStore(place)
        val staged = File(place, "partial-x")
        val digest = dying.stage(otherBundle(File(temporary.root, "other")), staged)
        assertEquals(old.manifest.digest, dying.installed()?.manifest?.digest)
        dying.moveIntoPlace(staged, digest)
        assertEquals(old.manifest.digest, dying.installed()?.manifest?.digest)
        dying.point(digest)
        assertEquals(digest, BundleStore(place).installed()?.manifest?.digest)
        assertEquals(setOf("current", digest), place.names())
    }

    @Test
    fun `the one before goes when the new one counts`() {
        val installed = BundleStore(place).install(otherBundle(File(temporary.root, "other")))
        assertEquals(setOf("current", installed.manifest.digest), place.names())
    }

    @Test
    fun `a refused bundle leaves the old one installed`() {
        val store = BundleStore(place)
        for (name in listOf("spoilt", "one_bit", "bomb")) {
            assertRefused(name) { store.install(Vectors.zip(name)) }
            assertEquals(name, old.manifest.digest, store.installed()?.manifest?.digest)
            assertEquals(name, setOf("current", old.manifest.digest), place.names())
        }
    }

    @Test
    fun `a bundle that was damaged afterwards is refused, and mended`() {
        File(old.folder, "tflite/whole_fp16.tflite").writeText("x")
        val store = BundleStore(place)
        assertRefused(BundleRefusal.Kind.CHANGED) { store.installed() }
        assertEquals(old.folder, store.install(Vectors.zip("good")).folder)
        assertEquals(old.manifest.digest, store.installed()?.manifest?.digest)
    }

    @Test
    fun `what is not there is not installed`() {
        val store = BundleStore(File(temporary.root, "empty"))
        assertTrue("none.zip" in assertRefused { store.install(File(temporary.root, "none.zip")) })
        assertNull(store.installed())
    }
}
