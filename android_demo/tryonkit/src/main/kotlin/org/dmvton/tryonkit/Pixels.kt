package org.dmvton.tryonkit

/** Samples of 8 bits, row by row: of a picture R, G, B, sRGB, upright; of a mask one a pixel. */
class Pixels(val height: Int, val width: Int, val channels: Int, val bytes: ByteArray) {
    init {
        require(height * width * channels == bytes.size) { "${bytes.size} bytes for [$height, $width, $channels]" }
    }

    val size: Size get() = Size(height, width)

    /** Throws TryOnException where sides or area are not what `dmvton_mobile/imaging/decode.py`, rule 2, takes. */
    fun requireUsable() {
        if (minOf(height, width) < 32) {
            throw TryOnException("The picture is only $size; each side needs 32 pixels or more. Use a larger one.")
        }
        if (height.toLong() * width > 100_000_000) {
            throw TryOnException("The picture is larger than 100 megapixels. Scale it down first.")
        }
    }

    override fun equals(other: Any?): Boolean =
        other is Pixels && size == other.size && channels == other.channels && bytes.contentEquals(other.bytes)

    override fun hashCode(): Int = bytes.contentHashCode()
}

/** A byte of a picture, 0 to 255. */
internal fun ByteArray.sample(place: Int): Int = this[place].toInt() and 0xff
