"""Which precision to ship for each target of a bundle: all of them timed in turns, then advice by the figures."""

import math
from collections.abc import Callable, Sequence

from benchmarks.measure.kernels import kernels
from benchmarks.measure.machine import machine
from benchmarks.measure.parts import bundle_parts, download_bytes, runs_here
from benchmarks.measure.turns import Turns, median_growth, median_ms, median_ratio, take_turns
from dmvton_mobile.bundles.bundle import Bundle, verify_files
from dmvton_mobile.bundles.recommendation import PrecisionFigures, Recommendation, Recommendations
from dmvton_mobile.targets import Precision, Target
from dmvton_mobile.tryon import held_pairs

DRAW = 0.05  # of the time: two that are closer are as fast as each other, and the smaller one wins
PHONE = "On a phone: a frame's time on its own cores, whose dot-product instructions decide what eight bits gain"
OVER_TIME = "memory as PSS or phys_footprint; the time after minutes of use."
TO_MEASURE = {
    Target.TFLITE: f"{PHONE}, and through its GPU, which computes in half precision; {OVER_TIME}",
    Target.EXECUTORCH: f"{PHONE}; {OVER_TIME}",
    Target.ONNX: f"{PHONE}, and through its providers (NNAPI, Core ML, QNN); {OVER_TIME}",
    Target.COREML: "On a phone: every time, on each compute unit (the Neural Engine computes in half precision); the "
    f"first load, which compiles; {OVER_TIME}",
}


def recommend(
    bundle: Bundle, *, threads: int, rounds: int, runs: int, on_step: Callable[[str], None]
) -> Recommendations:
    """Measures every target and precision of a bundle that can be run here. Raises DmvtonError where one fails to run.

    threads: of the CPU; runs: frames that count, in a turn. on_step: told what is being measured.
    """
    verify_files(bundle)
    by_target: dict[Target, list[Precision]] = {}
    for target, precision in held_pairs(bundle):
        by_target.setdefault(target, []).append(precision)
    advice = []
    for target, precisions in by_target.items():
        turns: dict[str, Turns] = {precision: [] for precision in precisions}
        if runs_here(bundle, target):
            forms = {str(precision): bundle_parts(bundle, target, precision) for precision in precisions}
            turns = take_turns(target, forms, threads=threads, rounds=rounds, runs=runs, on_step=on_step)
        figures = [
            figures_of(bundle, target, precision, turns[precision], turns[precisions[0]], threads)
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
    return Recommendations(machine=machine(), threads=threads, rounds=rounds, runs=runs, by_target=tuple(advice))


def advise(figures: Sequence[PrecisionFigures]) -> tuple[Precision, str]:
    """The fastest, or the smallest download among those that are as fast, and why. figures: of one target."""
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
    bundle: Bundle, target: Target, precision: Precision, own: Turns, first: Turns, threads: int
) -> PrecisionFigures:
    """What its files weigh and, where it was timed, what a frame costs. first: the turns that ratios are to."""
    held = bundle.manifest.artifacts_of(target, precision)
    return PrecisionFigures(
        precision=precision,
        file_bytes=sum(item.footprint.file_bytes for item in held),
        download_bytes=sum(download_bytes(bundle.folder / item.path) for item in held),
        frame_ms=median_ms(own),
        latency_ratio=median_ratio(own, first),
        rss_delta_bytes=median_growth(own),
        kernels=_kernel_counts(bundle, target, precision, threads) if own else None,
    )


def _kernel_counts(bundle: Bundle, target: Target, precision: Precision, threads: int) -> dict[str, int] | None:
    """How often each kernel runs in a frame; None where the runtime does not tell."""
    *_, frame = bundle_parts(bundle, target, precision)
    ran = kernels(target, frame, threads)
    return None if ran is None else {kernel.name: kernel.count for kernel in ran}
