package org.dmvton.tryonkit

/** A rectangle of a picture, in its pixels. It may reach outside (left or top below 0): that part is padding. */
data class Window(val left: Int, val top: Int, val width: Int, val height: Int) {
    /** Whether a picture holds all of it. */
    internal fun isInside(picture: Size): Boolean =
        left >= 0 && top >= 0 && left + width <= picture.width && top + height <= picture.height

    /** The window of a picture, padded white, or of a mask, padded 0, where it reaches outside. */
    internal fun cut(pixels: Pixels): Pixels {
        val channels = pixels.channels
        val made = ByteArray(height * width * channels)
        if (channels == 3) made.fill(-1) // 255
        val first = maxOf(left, 0)
        val count = (minOf(left + width, pixels.width) - first) * channels
        for (row in maxOf(top, 0) until minOf(top + height, pixels.height)) {
            if (count <= 0) break
            val source = (row * pixels.width + first) * channels
            pixels.bytes.copyInto(made, ((row - top) * width + first - left) * channels, source, source + count)
        }
        return Pixels(height, width, channels, made)
    }

    companion object {
        /** What the network sees of a person's photo: the largest 3 : 4 window that fits, in the middle, at the top. */
        fun person(photo: Size): Window {
            if (photo.width * 4 < photo.height * 3) return Window(0, 0, photo.width, photo.width * 4 / 3)
            val width = photo.height * 3 / 4
            return Window((photo.width - width) / 2, 0, width, photo.height)
        }

        /** What the network sees of a garment: the smallest 3 : 4 canvas that holds its picture, that in the middle. */
        fun garmentCanvas(picture: Size): Window {
            if (picture.width * 4 >= picture.height * 3) {
                val height = (picture.width * 4 + 2) / 3 // rounded up
                return Window(0, -((height - picture.height) / 2), picture.width, height)
            }
            val width = (picture.height * 3 + 3) / 4
            return Window(-((width - picture.width) / 2), 0, width, picture.height)
        }
    }
}
