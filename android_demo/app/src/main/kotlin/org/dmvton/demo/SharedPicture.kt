package org.dmvton.demo

import android.content.ContentProvider
import android.content.ContentValues
import android.content.Context
import android.content.Intent
import android.database.Cursor
import android.database.MatrixCursor
import android.graphics.Bitmap
import android.net.Uri
import android.os.ParcelFileDescriptor
import android.provider.OpenableColumns
import java.io.File

/** The one picture that is being shared, for the app that somebody chose. */
class SharedPicture : ContentProvider() {
    override fun onCreate() = true

    override fun getType(uri: Uri) = TYPE

    override fun openFile(uri: Uri, mode: String): ParcelFileDescriptor =
        ParcelFileDescriptor.open(file(context!!), ParcelFileDescriptor.MODE_READ_ONLY)

    override fun query(
        uri: Uri, columns: Array<String>?, selection: String?, arguments: Array<String>?, order: String?,
    ): Cursor = MatrixCursor(arrayOf(OpenableColumns.DISPLAY_NAME, OpenableColumns.SIZE)).apply {
        addRow(arrayOf<Any>(NAME, file(context!!).length()))
    }

    override fun insert(uri: Uri, values: ContentValues?): Uri? = null

    override fun update(uri: Uri, values: ContentValues?, selection: String?, arguments: Array<String>?) = 0

    override fun delete(uri: Uri, selection: String?, arguments: Array<String>?) = 0

    companion object {
        private const val NAME = "tryon.png"
        private const val TYPE = "image/png"
        private val ADDRESS: Uri = Uri.parse("content://org.dmvton.demo.shared/$NAME")

        private fun file(context: Context) = File(context.cacheDir, NAME)

        /** What starts the choice of an app. */
        fun share(context: Context, picture: Bitmap): Intent {
            file(context).outputStream().use { picture.compress(Bitmap.CompressFormat.PNG, 100, it) }
            val send = Intent(Intent.ACTION_SEND).setType(TYPE).putExtra(Intent.EXTRA_STREAM, ADDRESS)
            return Intent.createChooser(send.addFlags(Intent.FLAG_GRANT_READ_URI_PERMISSION), null)
        }
    }
}
