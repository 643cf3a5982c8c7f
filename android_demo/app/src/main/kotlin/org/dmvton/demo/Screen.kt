package org.dmvton.demo

import android.content.Context
import android.graphics.Bitmap
import android.graphics.Color
import android.view.Gravity
import android.view.ViewGroup.LayoutParams.MATCH_PARENT
import android.view.ViewGroup.LayoutParams.WRAP_CONTENT
import android.widget.Button
import android.widget.FrameLayout
import android.widget.HorizontalScrollView
import android.widget.ImageView
import android.widget.LinearLayout
import android.widget.TextView
import org.dmvton.tryonkit.Size

/** The picture with its guide, figures above, garments and buttons below. */
class Screen(context: Context) : FrameLayout(context) {
    private val picture = ImageView(context)
    private val guide = GuideView(context)
    private val figures = text(Gravity.START)
    private val message = text(Gravity.CENTER)
    private val garments = LinearLayout(context)
    private val buttons = LinearLayout(context)

    init {
        setBackgroundColor(Color.BLACK)
        fitsSystemWindows = true
        addView(picture, LayoutParams(MATCH_PARENT, MATCH_PARENT))
        addView(guide, LayoutParams(MATCH_PARENT, MATCH_PARENT))
        addView(figures, LayoutParams(MATCH_PARENT, WRAP_CONTENT, Gravity.TOP))
        addView(message, LayoutParams(MATCH_PARENT, WRAP_CONTENT, Gravity.CENTER))
        val below = LinearLayout(context).apply { orientation = LinearLayout.VERTICAL }
        for (row in listOf(garments, buttons)) below.addView(HorizontalScrollView(context).apply { addView(row) })
        addView(below, LayoutParams(MATCH_PARENT, WRAP_CONTENT, Gravity.BOTTOM))
    }

    /** guided: of a live view, in which somebody has yet to find their place. */
    fun show(shown: Bitmap, guided: Boolean) {
        picture.setImageBitmap(shown)
        guide.picture = if (guided) Size(shown.height, shown.width) else null
    }

    fun tell(text: String) {
        figures.text = text
    }

    /** What is done, or what went wrong; empty for neither. */
    fun say(text: String) {
        message.text = text
    }

    fun addButton(title: String, onClick: () -> Unit) {
        buttons.addView(Button(context).apply { text = title; setOnClickListener { onClick() } })
    }

    fun addGarment(garment: Bitmap, onClick: () -> Unit) {
        val side = (64 * resources.displayMetrics.density).toInt()
        val view = ImageView(context).apply { setImageBitmap(garment); setOnClickListener { onClick() } }
        garments.addView(view, LinearLayout.LayoutParams(side, side))
    }

    private fun text(gravity: Int) = TextView(context).apply {
        this.gravity = gravity
        setTextColor(Color.WHITE)
        setShadowLayer(4f, 0f, 0f, Color.BLACK)
    }
}
