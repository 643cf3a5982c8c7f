package org.dmvton.tryonkit

import kotlinx.serialization.Serializable

private const val KNOWN_SCHEMA = 1

/**
 * What `job.json` asks an app to measure, as `benchmarks/devices/phone.py` writes it.
 *
 * bundle: a folder beside the job. device: the name that the record gives this device.
 */
@Serializable
data class AppJob(
    val schemaVersion: Int,
    val suite: Suite,
    val suiteSha256: String,
    val bundle: String,
    val bundleName: String,
    val pairs: List<Pair>,
    val device: String,
) {
    @Serializable
    data class Pair(val target: Target, val precision: Precision)

    companion object {
        /** Throws TryOnException where the text is no job. */
        fun read(text: ByteArray): AppJob {
            val job = try {
                parse(text).decode(serializer())
            } catch (fault: JsonFault) {
                throw TryOnException("The job cannot be read: ${fault.message}. Let `dmvton bench` make it again.")
            }
            if (job.schemaVersion != KNOWN_SCHEMA) {
                throw TryOnException(
                    "The job has schema version ${job.schemaVersion}; this app reads $KNOWN_SCHEMA. " +
                        "Update the app, or the package.",
                )
            }
            if (!isPlainPath(job.bundle) || "/" in job.bundle) {
                throw TryOnException("The job's bundle is '${plain(job.bundle)}', which is no folder beside it.")
            }
            return job
        }
    }
}
