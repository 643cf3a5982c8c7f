package org.dmvton.demo

import android.content.Context
import android.graphics.Bitmap
import android.net.Uri
import org.dmvton.tryonkit.Pixels
import org.dmvton.tryonkit.TryOnException

/** A garment's flat picture, ready to be worn. Throws TryOnException where its background is not transparent. */
class Garment(val picture: Bitmap) {
    val rgb: Pixels = picture.rgb()
    val mask: Pixels = picture.coverage()

    init {
        if (mask.bytes.all { it == OPAQUE }) {
            throw TryOnException("This picture's background is not transparent. Cut the garment out, save it as PNG.")
        }
    }

    companion object {
        private const val OPAQUE = 255.toByte()
        private const val MOST_SIDE = 768 // a camera's frame samples no more of it
        private const val ASSETS = "garments"

        fun read(context: Context, source: Uri) = Garment(context.readPicture(source, MOST_SIDE))

        /** Those that come with the app. */
        fun embedded(context: Context): List<Garment> = context.assets.list(ASSETS).orEmpty().map {
            Garment(context.readPicture(context.assets.open("$ASSETS/$it"), MOST_SIDE))
        }
    }
}
