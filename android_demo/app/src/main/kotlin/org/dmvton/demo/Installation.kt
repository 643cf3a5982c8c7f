package org.dmvton.demo

import android.content.Context
import android.content.res.AssetManager
import android.net.Uri
import java.io.File
import org.dmvton.tryonkit.BundleStore
import org.dmvton.tryonkit.Manifest
import org.dmvton.tryonkit.TryOnBundle
import org.dmvton.tryonkit.TryOnException

/** Where this app keeps its bundle. */
class Installation(private val context: Context) {
    private val store = BundleStore(File(context.filesDir, "bundles"))
    private val notes = context.getSharedPreferences("installation", Context.MODE_PRIVATE)

    /**
     * The installed bundle, verified; the embedded one instead, once, where the app came with another. null where there
     * is none. Throws BundleRefusal for a damaged one.
     */
    fun begin(): TryOnBundle? {
        val assets = context.assets
        val name = assets.list("").orEmpty().firstOrNull { it.endsWith(".dmvton") } ?: return store.installed()
        val digest = Manifest.read(assets.open("$name/manifest.json").use { it.readBytes() }).digest
        if (notes.getString(EMBEDDED, null) == digest) store.installed()?.let { return it }
        val installed = copied("embedded.dmvton") { assets.copy(name, it) }
        notes.edit().putString(EMBEDDED, digest).apply()
        return installed
    }

    /** A bundle's zip that somebody picked. Throws BundleRefusal; the one before then stays. */
    fun install(zip: Uri): TryOnBundle = copied("picked.zip") { copy ->
        val stream = context.contentResolver.openInputStream(zip)
            ?: throw TryOnException("$zip cannot be opened. Choose another file.")
        stream.use { from -> copy.outputStream().use { from.copyTo(it) } }
    }

    /** Installed from a copy, which goes. */
    private fun copied(name: String, write: (File) -> Unit): TryOnBundle {
        val copy = File(context.cacheDir, name)
        copy.deleteRecursively() // of a process that died
        try {
            write(copy)
            return store.install(copy)
        } finally {
            copy.deleteRecursively()
        }
    }

    private companion object {
        const val EMBEDDED = "embedded"
    }
}

/** A file, or a folder with all that is in it. */
fun AssetManager.copy(path: String, to: File) {
    val names = list(path).orEmpty()
    if (names.isEmpty()) {
        open(path).use { from -> to.outputStream().use { from.copyTo(it) } }
        return
    }
    to.mkdirs()
    names.forEach { copy("$path/$it", File(to, it)) }
}
