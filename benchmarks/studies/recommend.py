"""Which precision to ship for each target of a bundle: all are timed against each other, then the figures decide.

`dmvton bench recommend` notes the advice in the bundle's manifest.
"""

import math
from collections.abc import Sequence

from benchmarks.budget import download_bytes
from benchmarks.measure.components import bundle_components, runs_here
from benchmarks.measure.interleaved import (
    Measurement,
    measure_interleaved,
    median_ms,
    median_ratio,
    median_rss_delta,
)
from benchmarks.measure.kernels import kernels
from dmvton_mobile.bundles.bundle import Bundle, verify_files
from dmvton_mobile.bundles.recommendation import PrecisionFigures, Recommendation, Recommendations
from dmvton_mobile.runtimes.bundled import bundled_targets
from dmvton_mobile.targets import Precision, Target
from dmvton_mobile.utils.build import machine_description
from dmvton_mobile.utils.progress import StepCallback

DRAW = 0.05  # share of the time: two precisions closer than that are as fast as each other; the smaller one wins
ON_PHONE = "On a phone: a frame's time on its own cores, whose dot-product instructions decide what int8 gains"
OVER_TIME = "memory as PSS or phys_footprint; the time after minutes of use."
TO_MEASURE = {
    Target.TFLITE: f"{ON_PHONE}, and through its GPU, which computes in fp16; {OVER_TIME}",
    Target.EXECUTORCH: f"{ON_PHONE}; {OVER_TIME}",
    Target.ONNX: f"{ON_PHONE}, and through its providers (NNAPI, Core ML, QNN); {OVER_TIME}",
    Target.COREML: "On a phone: every time, on each compute unit (the Neural Engine computes in fp16); the first load, "
    f"which compiles; {OVER_TIME}",
}


def recommend(bundle: Bundle, *, threads: int, rounds: int, runs: int, on_step: StepCallback) -> Recommendations:
    """Measures every target and precision of a bundle that runs here, and recommends a precision for each target.

    Args:
        bundle: Whose artifacts are measured.
        threads: CPU threads of the runtimes.
        rounds: How often each precision is measured.
        runs: Frames that count, in one measurement.
        on_step: Called before each measurement.

    Raises:
        DmvtonError: An artifact fails to run.
    """
    verify_files(bundle)
    by_target: dict[Target, list[Precision]] = {}
    for target, precision in bundled_targets(bundle):
        by_target.setdefault(target, []).append(precision)
    advice = []
    for target, precisions in by_target.items():
        measured: dict[str, list[Measurement]] = {precision: [] for precision in precisions}
        if runs_here(bundle, target):
            variants = {str(precision): bundle_components(bundle, target, precision) for precision in precisions}
            measured = measure_interleaved(target, variants, threads=threads, rounds=rounds, runs=runs, on_step=on_step)
        figures = [
            figures_of(bundle, target, precision, measured[precision], measured[precisions[0]], threads)
            for precision in precisions
        ]
        precision, reason = advise(figures)
        advice.append(
            Recommendation(
                target=target,
                precision=precision,
                reason=reason,
                figures=tuple(figures),
                to_measure=TO_MEASURE[target],
            )
        )
    return Recommendations(
        machine=machine_description(), threads=threads, rounds=rounds, runs=runs, by_target=tuple(advice)
    )


def advise(figures: Sequence[PrecisionFigures]) -> tuple[Precision, str]:
    """The fastest precision of a target, or the smallest download among those that are as fast; and why.

    Args:
        figures: Of every precision of the target; ratios are to the first one.
    """
    if len(figures) == 1:
        return figures[0].precision, "The only one in this bundle."
    ratios = {each.precision: each.latency_ratio for each in figures if each.latency_ratio is not None}
    if not ratios:
        smallest = min(figures, key=lambda each: each.download_bytes)
        return smallest.precision, "The smallest download; no time is known, as nothing here runs it at speed."
    near = [each for each in figures if ratios.get(each.precision, math.inf) <= min(ratios.values()) * (1 + DRAW)]
    chosen, first = min(near, key=lambda each: each.download_bytes), figures[0]
    why = "the fastest" if len(near) == 1 else "the smallest of those that are as fast"
    return chosen.precision, (
        f"{why.capitalize()}: {chosen.frame_ms:.1f} ms a frame, {ratios[chosen.precision]:.2f} of {first.precision}'s "
        f"time and {chosen.download_bytes / first.download_bytes:.2f} of its download."
    )


def figures_of(
    bundle: Bundle,
    target: Target,
    precision: Precision,
    rounds: Sequence[Measurement],
    first: Sequence[Measurement],
    threads: int,
) -> PrecisionFigures:
    """Sizes of the artifacts and, if they were measured, the cost of a frame.

    Args:
        bundle: Holds the artifacts.
        target: Of the artifacts.
        precision: Of the artifacts.
        rounds: Their measurements; empty if they do not run here.
        first: The measurements that the latency ratio is to.
        threads: CPU threads, to profile the kernels with.
    """
    artifacts = bundle.manifest.artifacts_of(target, precision)
    return PrecisionFigures(
        precision=precision,
        file_bytes=sum(item.footprint.file_bytes for item in artifacts),
        download_bytes=sum(download_bytes(bundle.folder / item.path) for item in artifacts),
        frame_ms=median_ms(rounds),
        latency_ratio=median_ratio(rounds, first),
        rss_delta_bytes=median_rss_delta(rounds),
        kernels=_kernel_counts(bundle, target, precision, threads) if rounds else None,
    )


def _kernel_counts(bundle: Bundle, target: Target, precision: Precision, threads: int) -> dict[str, int] | None:
    """How often each kernel runs in a frame; None where the runtime does not report it."""
    *_, frame = bundle_components(bundle, target, precision)
    ran = kernels(target, frame, threads)
    return None if ran is None else {kernel.name: kernel.count for kernel in ran}
