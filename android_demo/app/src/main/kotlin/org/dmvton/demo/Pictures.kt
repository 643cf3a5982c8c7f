package org.dmvton.demo

import android.content.Context
import android.graphics.Bitmap
import android.graphics.BitmapFactory
import android.graphics.Color
import android.graphics.Matrix
import android.media.ExifInterface
import android.net.Uri
import java.io.File
import java.io.InputStream
import org.dmvton.tryonkit.Pixels
import org.dmvton.tryonkit.TryOnException

/** A picture file, upright, its longer side at most `most` pixels. Throws TryOnException for what is none. */
fun Context.readPicture(source: Uri, most: Int): Bitmap {
    val stream = contentResolver.openInputStream(source)
        ?: throw TryOnException("$source cannot be opened. Choose another picture.")
    return readPicture(stream, most)
}

/** Of a stream, which is closed. */
fun Context.readPicture(stream: InputStream, most: Int): Bitmap {
    val file = File.createTempFile("picture", null, cacheDir) // its orientation is read from a file
    try {
        stream.use { from -> file.outputStream().use { from.copyTo(it) } }
        val options = BitmapFactory.Options().apply { inJustDecodeBounds = true }
        BitmapFactory.decodeFile(file.path, options)
        options.inSampleSize = Integer.highestOneBit(maxOf(1, maxOf(options.outWidth, options.outHeight) / most))
        options.inJustDecodeBounds = false
        val decoded = BitmapFactory.decodeFile(file.path, options)
            ?: throw TryOnException("This is not a picture that can be read here. Save it as JPEG or PNG.")
        return decoded.turned(file).scaledTo(most)
    } finally {
        file.delete()
    }
}

private fun Bitmap.turned(file: File): Bitmap {
    val matrix = Matrix()
    when (ExifInterface(file.path).getAttributeInt(ExifInterface.TAG_ORIENTATION, ExifInterface.ORIENTATION_NORMAL)) {
        ExifInterface.ORIENTATION_FLIP_HORIZONTAL -> matrix.setScale(-1f, 1f)
        ExifInterface.ORIENTATION_ROTATE_180 -> matrix.setRotate(180f)
        ExifInterface.ORIENTATION_FLIP_VERTICAL -> matrix.setScale(1f, -1f)
        ExifInterface.ORIENTATION_TRANSPOSE -> matrix.apply { setRotate(90f); postScale(-1f, 1f) }
        ExifInterface.ORIENTATION_ROTATE_90 -> matrix.setRotate(90f)
        ExifInterface.ORIENTATION_TRANSVERSE -> matrix.apply { setRotate(-90f); postScale(-1f, 1f) }
        ExifInterface.ORIENTATION_ROTATE_270 -> matrix.setRotate(-90f)
        else -> return this
    }
    return Bitmap.createBitmap(this, 0, 0, width, height, matrix, true)
}

private fun Bitmap.scaledTo(most: Int): Bitmap {
    val scale = most.toFloat() / maxOf(width, height)
    if (scale >= 1) return this
    return Bitmap.createScaledBitmap(this, maxOf(1, (width * scale).toInt()), maxOf(1, (height * scale).toInt()), true)
}

/** [H, W, 3]; colours as they are under their alpha. */
fun Bitmap.rgb(): Pixels {
    val argb = argb()
    val bytes = ByteArray(3 * argb.size) { (argb[it / 3] shr 16 - 8 * (it % 3)).toByte() }
    return Pixels(height, width, 3, bytes)
}

/** [H, W]; 255 opaque. */
fun Bitmap.coverage(): Pixels {
    val argb = argb()
    return Pixels(height, width, 1, ByteArray(argb.size) { Color.alpha(argb[it]).toByte() })
}

private fun Bitmap.argb() = IntArray(width * height).also { getPixels(it, 0, width, 0, 0, width, height) }

/** Of a picture [H, W, 3]. */
fun Pixels.bitmap(): Bitmap {
    fun sample(place: Int) = bytes[place].toInt() and 0xff
    val argb = IntArray(width * height) { Color.rgb(sample(3 * it), sample(3 * it + 1), sample(3 * it + 2)) }
    return Bitmap.createBitmap(argb, width, height, Bitmap.Config.ARGB_8888)
}
