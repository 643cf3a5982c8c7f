package org.dmvton.demo

import android.app.Application
import android.os.Build
import android.os.PowerManager

class DemoApplication : Application(), Parts {
    override val runtimes = mapOf(
        "LiteRT, CPU" to LiteRtRuntime(onGpu = false),
        "LiteRT, GPU" to LiteRtRuntime(onGpu = true),
        "ExecuTorch" to ExecuTorchRuntime(),
    )

    override fun thermalStatus(): Int? =
        if (Build.VERSION.SDK_INT < 29) null else getSystemService(PowerManager::class.java).currentThermalStatus
}
