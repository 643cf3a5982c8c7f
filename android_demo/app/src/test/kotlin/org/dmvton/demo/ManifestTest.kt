package org.dmvton.demo

import java.io.File
import javax.xml.parsers.DocumentBuilderFactory
import org.junit.Assert.assertEquals
import org.junit.Test
import org.w3c.dom.Element

/** Beside the app's module, which is where Gradle runs it. */
class ManifestTest {
    private val manifest =
        DocumentBuilderFactory.newInstance().newDocumentBuilder().parse(File("src/main/AndroidManifest.xml"))

    private fun elements(tag: String): List<Element> =
        manifest.getElementsByTagName(tag).let { found -> (0 until found.length).map { found.item(it) as Element } }

    @Test
    fun `the camera is all that it asks for, and a library's wish for the network is removed`() {
        val asked = elements("uses-permission")
            .groupBy({ it.getAttribute("tools:node") }, { it.getAttribute("android:name") })
        assertEquals(listOf("android.permission.CAMERA"), asked[""])
        assertEquals(listOf("android.permission.INTERNET"), asked["remove"])
    }

    @Test
    fun `other apps start the try-on alone`() {
        val open = elements("activity").filter { it.getAttribute("android:exported") == "true" }
        val guards = open.associate { it.getAttribute("android:name") to it.getAttribute("android:permission") }
        assertEquals(mapOf(".TryOnActivity" to "", ".BenchmarkActivity" to "android.permission.DUMP"), guards)
        assertEquals(setOf("false"), elements("provider").map { it.getAttribute("android:exported") }.toSet())
    }
}
