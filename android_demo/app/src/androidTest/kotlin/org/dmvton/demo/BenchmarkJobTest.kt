package org.dmvton.demo

import android.content.Intent
import androidx.test.ext.junit.runners.AndroidJUnit4
import androidx.test.platform.app.InstrumentationRegistry
import java.io.File
import org.junit.Assert.assertTrue
import org.junit.Test
import org.junit.runner.RunWith

/** A job measured by instrumentation, as device farms start apps: `-e job FILE -e out FOLDER`. */
@RunWith(AndroidJUnit4::class)
class BenchmarkJobTest {
    @Test
    fun leavesARecord() {
        val given = InstrumentationRegistry.getArguments()
        val (job, out) = listOf("job", "out").map {
            requireNotNull(given.getString(it)) { "Say -e $it: the README has an example." }
        }
        val ended = File(out, "ended")
        ended.delete()
        val instrumentation = InstrumentationRegistry.getInstrumentation()
        val intent = Intent(instrumentation.targetContext, BenchmarkActivity::class.java)
            .putExtra("job", job).putExtra("out", out)
        instrumentation.startActivitySync(intent.addFlags(Intent.FLAG_ACTIVITY_NEW_TASK))
        while (!ended.exists()) Thread.sleep(1000) // how long at most, the farm says
        assertTrue("The job ended without a record: see the log.", File(out, "record.json").isFile)
    }
}
