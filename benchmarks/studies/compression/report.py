"""Goes through a compression's steps: converts each, evaluates it in every runtime, times all against each other.

A report's folder:

    bundles/STEP.dmvton          each step, converted and verified
    evaluations/STEP_TARGET/     each evaluated (`dmvton evaluate`)
    report.json, index.html      the figures, and one page of them with pictures before and after

A bundle or an evaluation that exists is not made again, so an interrupted report resumes; times are measured again.
`dmvton bench compression` runs it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.measure.components import bundle_components, runs_here
from benchmarks.measure.interleaved import Measurement, measure_interleaved
from benchmarks.studies.compression.record import CompressionReport, Quality, Row, StepRecord
from benchmarks.studies.peers import frame_macs
from benchmarks.studies.recommend import figures_of
from converters.convert import convert
from converters.plan import Plan
from converters.target import Delegate
from converters.weights import Weights
from dmvton_mobile.bundles.bundle import Bundle, read_bundle
from dmvton_mobile.checkpoints.checkpoint import read_card, weight_bytes
from dmvton_mobile.contract import Components
from dmvton_mobile.datasets.dataset import TryOnDataset
from dmvton_mobile.errors import DmvtonError
from dmvton_mobile.evaluation.candidates import BundleCandidate
from dmvton_mobile.evaluation.record import EvaluationRecord, Pairing
from dmvton_mobile.evaluation.run import Evaluation, PerceptualScale, evaluate
from dmvton_mobile.networks import build_network
from dmvton_mobile.records.base import record_json
from dmvton_mobile.records.compression_steps import CompressionStep, CompressionSteps
from dmvton_mobile.targets import Precision, Target
from dmvton_mobile.utils.build import machine_description
from dmvton_mobile.utils.files import atomic_file
from dmvton_mobile.utils.progress import StepCallback

REPORT, BUNDLES, EVALUATIONS = "report.json", "bundles", "evaluations"


@dataclass(frozen=True, kw_only=True)
class Plans:
    """What to report on, and how.

    Attributes:
        run: The folder of the compression.
        steps: Its steps.
        dataset: The images that every step is evaluated on.
        targets: Every step is converted for each.
        out: The folder of the report.
        limit: How many images are evaluated; None for all.
        threads: CPU threads of the runtimes.
        rounds: How often each step is timed.
        runs: Frames that count, in one measurement.
        perceptual: LPIPS; None leaves it out.
    """

    run: Path
    steps: CompressionSteps
    dataset: TryOnDataset
    targets: tuple[Target, ...]
    out: Path
    limit: int | None = None
    threads: int = 2
    rounds: int = 3
    runs: int = 50
    perceptual: PerceptualScale | None = None


def report(plans: Plans, on_step: StepCallback) -> CompressionReport:
    """Measures every step and writes REPORT.

    Args:
        plans: What to report on.
        on_step: Called before every conversion, evaluation and measurement.

    Raises:
        CheckFailed: The artifact of a step fails its verification.
    """
    bundles = {step.name: _converted(plans, step, on_step) for step in plans.steps.steps}
    records = {
        (step.name, target): _evaluated(plans, step, target, on_step)
        for step in plans.steps.steps
        for target in plans.targets
    }
    rows: list[Row] = []
    for target in plans.targets:
        rows += _rows(plans, target, bundles, records, on_step)
    first = next(iter(records.values()))
    record = CompressionReport(
        network=plans.steps.network,
        trained=first.run.subject.trained,
        data=first.run.data,
        machine=machine_description(),
        threads=plans.threads,
        rounds=plans.rounds,
        runs=plans.runs,
        steps=tuple(_step_record(plans, step, bundles[step.name]) for step in plans.steps.steps),
        rows=tuple(rows),
        versions=first.run.versions,
    )
    with atomic_file(plans.out / REPORT, overwrite=True) as partial:
        partial.write_text(record_json(record), encoding="utf-8")
    return record


def candidate(plans: Plans, step: CompressionStep, target: Target) -> BundleCandidate:
    """Artifacts of a step for a target, for an evaluation."""
    return BundleCandidate(_bundle_path(plans, step), target, _precision(step), plans.threads)


def _converted(plans: Plans, step: CompressionStep, on_step: StepCallback) -> Bundle:
    path = _bundle_path(plans, step)
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        plan = Plan(
            weights=Weights(checkpoint=plans.run / step.checkpoint),
            targets=plans.targets,
            precisions=(_precision(step),),
            components=Components.SPLIT,
            delegate=Delegate.XNNPACK,
            out=path,
            size=plans.dataset.size,
        )
        convert(plan, on_result=lambda row: None, on_step=lambda what: on_step(f"{step.name}: converting {what}"))
    bundle = read_bundle(path)
    if missing := [target for target in plans.targets if not bundle.manifest.artifacts_of(target, _precision(step))]:
        raise DmvtonError(
            f"{path} comes from an earlier report without {', '.join(missing)}: remove it, or choose another --out."
        )
    return bundle


def _evaluated(plans: Plans, step: CompressionStep, target: Target, on_step: StepCallback) -> EvaluationRecord:
    evaluation = Evaluation(
        candidate(plans, step, target),
        plans.dataset,
        (pairing(plans.dataset),),
        plans.out / EVALUATIONS / f"{step.name}_{target}",
        plans.limit,
        perceptual=plans.perceptual,
    )
    return evaluate(evaluation, lambda done: on_step(f"{step.name}, {target}: {done} of {evaluation.images} images"))


def pairing(dataset: TryOnDataset) -> Pairing:
    """Unpaired if the dataset has the true picture of people in other garments, else paired."""
    unpaired = dataset[0].unpaired
    return Pairing.UNPAIRED if unpaired is not None and unpaired.person is not None else Pairing.PAIRED


def _rows(
    plans: Plans,
    target: Target,
    bundles: dict[str, Bundle],
    records: dict[tuple[str, Target], EvaluationRecord],
    on_step: StepCallback,
) -> list[Row]:
    steps = plans.steps.steps
    measured: dict[str, list[Measurement]] = {step.name: [] for step in steps}
    if runs_here(bundles[steps[0].name], target):
        variants = {step.name: bundle_components(bundles[step.name], target, _precision(step)) for step in steps}
        measured = measure_interleaved(
            target, variants, threads=plans.threads, rounds=plans.rounds, runs=plans.runs, on_step=on_step
        )
    first = measured[steps[0].name]
    return [
        _row(plans, step, target, bundles[step.name], measured[step.name], first, records[step.name, target])
        for step in steps
    ]


def _row(
    plans: Plans,
    step: CompressionStep,
    target: Target,
    bundle: Bundle,
    rounds: Sequence[Measurement],
    first: Sequence[Measurement],
    evaluation: EvaluationRecord,
) -> Row:
    precision = _precision(step)
    artifacts = bundle.manifest.artifacts_of(target, precision)
    costs = figures_of(bundle, target, precision, rounds, first, plans.threads)
    return Row(
        **dict(costs),
        step=step.name,
        target=target,
        evaluator=artifacts[-1].evaluator,
        weight_bytes=sum(item.footprint.weight_bytes for item in artifacts),
        quality=_quality(evaluation),
    )


def _quality(evaluation: EvaluationRecord) -> Quality:
    means = {figure.metric: figure.mean for figure in evaluation.figures}
    medians = {figure.metric: figure.median for figure in evaluation.figures}
    return Quality(
        images=evaluation.run.data.pairs,
        psnr_garment_db=means.get("psnr_garment"),
        psnr_image_db=means.get("psnr_image"),
        ssim_image=means.get("ssim_image"),
        end_point_error_px=medians.get("end_point_error"),
        lpips=means.get("lpips"),
    )


def _step_record(plans: Plans, step: CompressionStep, bundle: Bundle) -> StepRecord:
    card = read_card(plans.run / step.checkpoint)
    network = build_network(card.network, **card.config).eval()  # int8 changes neither
    return StepRecord(
        name=step.name,
        macs=frame_macs(network, plans.dataset.size),
        weight_bytes=weight_bytes(network),
        kept_float32=bundle.manifest.artifacts[-1].kept_float32,
    )


def _precision(step: CompressionStep) -> Precision:
    return Precision.INT8 if step.quantized else Precision.FP32


def _bundle_path(plans: Plans, step: CompressionStep) -> Path:
    return plans.out / BUNDLES / f"{step.name}.dmvton"
