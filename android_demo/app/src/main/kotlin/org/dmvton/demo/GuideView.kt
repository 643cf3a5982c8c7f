package org.dmvton.demo

import android.content.Context
import android.graphics.Canvas
import android.graphics.Color
import android.graphics.Paint
import android.graphics.RectF
import android.view.View
import org.dmvton.tryonkit.Size
import org.dmvton.tryonkit.Window

/** Where to stand: what of the picture the network sees, and in it a head and shoulders. */
class GuideView(context: Context) : View(context) {
    /** Of the picture below, which is shown as large as it fits, in the middle; null shows no guide. */
    var picture: Size? = null
        set(value) {
            if (value != field) invalidate()
            field = value
        }

    private val line = Paint(Paint.ANTI_ALIAS_FLAG).apply {
        style = Paint.Style.STROKE
        strokeWidth = 2 * resources.displayMetrics.density
        color = Color.argb(160, 255, 255, 255)
    }

    override fun onDraw(canvas: Canvas) {
        val seen = seen(picture ?: return)
        canvas.drawRect(seen, line)
        canvas.drawOval(part(seen, left = 0.40f, top = 0.04f, right = 0.60f, bottom = 0.24f), line)
        canvas.drawArc(part(seen, left = 0.18f, top = 0.25f, right = 0.82f, bottom = 0.75f), 180f, 180f, false, line)
    }

    /** The network's window on this screen. */
    private fun seen(picture: Size): RectF {
        val scale = minOf(width.toFloat() / picture.width, height.toFloat() / picture.height)
        val window = Window.person(picture)
        val left = (width - picture.width * scale) / 2 + window.left * scale
        val top = (height - picture.height * scale) / 2 + window.top * scale
        return RectF(left, top, left + window.width * scale, top + window.height * scale)
    }

    private fun part(of: RectF, left: Float, top: Float, right: Float, bottom: Float) = RectF(
        of.left + left * of.width(), of.top + top * of.height(),
        of.left + right * of.width(), of.top + bottom * of.height(),
    )
}
