"""The networks themselves in PyTorch, on a GPU as the papers measured them, and on the CPU to check the measuring.

Two protocols, never mixed. papers: random inputs that lie on the device, one run that does not count, then `runs` runs
between two synchronisations; the mean (DM-VTON's and PF-AFN's way). ours: every run between two synchronisations, whole
and with the garment's features prepared before; the median. What the authors published stands in `PUBLISHED`.
"""

import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated, Literal

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from benchmarks.record import Bytes, Milliseconds
from benchmarks.studies.gpu_forms import ON_CUDA_ONLY, Inputs, Run, prepared, random_inputs
from dmvton_mobile.checkpoints.checkpoint import weight_bytes
from dmvton_mobile.contract import DEFAULT_SIZE
from dmvton_mobile.errors import CheckFailed, DmvtonError, plain
from dmvton_mobile.metrics.psnr import psnr_db
from dmvton_mobile.networks import TryOnNetwork, seeded_network
from dmvton_mobile.records.base import Name, Record, Strict, Words

REFERENCE_GPU = "Tesla T4"

# DM-VTON's README, "Results on VITON": milliseconds on one Tesla T4 by its abstract, MB of weights
PUBLISHED = {"dmvton-student": (23.3, 37.8), "pfafn-student": (35.8, 293.3), "fsvton-student": (37.5, 309.3)}


class Reference(Strict):
    """One network in one form. papers_ms: mean; whole_ms, frame_ms: median (None where the form has no frame of its
    own). peak_bytes: of the allocator. psnr_db: of the try-on, against eager; None for eager itself and where the two are identical. failure: why there
    is nothing."""

    network: Name
    form: Name
    papers_ms: Milliseconds | None = None
    whole_ms: Milliseconds | None = None
    frame_ms: Milliseconds | None = None
    peak_bytes: Bytes | None = None
    psnr_db: float | None = None
    identical: bool | None = None
    failure: Words | None = None


class ReferenceRecord(Record):
    """context_bytes: of the device in use before any network, by whomever. weights_bytes: parameters and buffers."""

    schema_version: Literal[1] = 1
    device: Name
    accelerator: Words | None
    versions: dict[Name, Name]
    size: tuple[int, int]
    runs: Annotated[int, Field(ge=1)]
    context_bytes: Bytes | None
    weights_bytes: dict[Name, Bytes]
    measured: tuple[Reference, ...]

    @property
    def on_reference(self) -> bool:
        return REFERENCE_GPU in (self.accelerator or "")


def measure_reference(
    device: torch.device, names: Sequence[str], forms: Sequence[str], runs: int, on_step: Callable[[str], None]
) -> ReferenceRecord:
    """Every network in every form, one after the other. runs: of each protocol. Raises DmvtonError where there is no
    such device."""
    if device.type == "cuda" and (not torch.cuda.is_available() or (device.index or 0) >= torch.cuda.device_count()):
        count = torch.cuda.device_count() if torch.cuda.is_available() else 0
        raise DmvtonError(f"There is no {device}: PyTorch {torch.__version__} sees {count} CUDA devices here.")
    cuda = device.type == "cuda"
    return ReferenceRecord(
        device=str(device),
        accelerator=torch.cuda.get_device_name(device) if cuda else None,
        versions={"torch": torch.__version__, **({"cuda": str(torch.version.cuda)} if cuda else {})},
        size=DEFAULT_SIZE,
        runs=runs,
        context_bytes=_context(device),
        weights_bytes={name: weight_bytes(seeded_network(name)) for name in names},
        measured=tuple(each for name in names for each in _measured(device, name, forms, runs, on_step)),
    )


def _measured(
    device: torch.device, name: str, forms: Sequence[str], runs: int, on_step: Callable[[str], None]
) -> Iterator[Reference]:
    network = seeded_network(name).to(device)
    inputs = random_inputs(device)
    with torch.no_grad():
        expected = network(*inputs).tryon
        for form in forms:
            on_step(f"{name}, {form}")
            if form in ON_CUDA_ONLY and device.type != "cuda":
                yield Reference(network=name, form=form, failure="It is for CUDA devices.")
                continue
            try:
                yield _in_form(device, name, form, network, inputs, expected, runs)
            except Exception as error:  # compilers and drivers raise what they like
                yield Reference(network=name, form=form, failure=plain(f"{type(error).__name__}: {error}"))


def _in_form(
    device: torch.device, name: str, form: str, network: TryOnNetwork, inputs: Inputs, expected: Tensor, runs: int
) -> Reference:
    with _peak(device) as peak:
        whole, frame = prepared(form, network, inputs)
        psnr = None if form == "eager" else _psnr_db(whole(), expected)
        papers_ms = by_papers(device, whole, runs)
        whole_ms = float(np.median(one_by_one(device, whole, runs)))
        frame_ms = None if frame is None else float(np.median(one_by_one(device, frame, runs)))
    return Reference(
        network=name,
        form=form,
        papers_ms=papers_ms,
        whole_ms=whole_ms,
        frame_ms=frame_ms,
        peak_bytes=peak[0] if peak else None,
        psnr_db=None if psnr is None or math.isinf(psnr) else psnr,
        identical=None if psnr is None else math.isinf(psnr),
    )


def by_papers(device: torch.device, run: Run, runs: int) -> float:
    """Mean milliseconds."""
    run()
    synchronise(device)
    started = time.perf_counter()
    for _ in range(runs):
        run()
    synchronise(device)
    return (time.perf_counter() - started) * 1e3 / runs


def one_by_one(device: torch.device, run: Run, runs: int) -> list[float]:
    """Milliseconds of each."""
    taken = []
    run()
    for _ in range(runs):
        synchronise(device)
        started = time.perf_counter()
        run()
        synchronise(device)
        taken.append((time.perf_counter() - started) * 1e3)
    return taken


def synchronise(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def _psnr_db(output: Tensor, expected: Tensor) -> float:
    """PSNR in decibels of images in [-1, 1]; inf where they are identical."""
    value = psnr_db(reference=expected, candidate=output.float(), peak=2.0)
    if math.isnan(value) or value == -math.inf:
        raise CheckFailed("It gives values that are not finite.")
    return value


@contextmanager
def _peak(device: torch.device) -> Iterator[list[int]]:
    """Bytes of the allocator at their most, in the list once the block has ended; nothing there where nobody tells."""
    told: list[int] = []
    if device.type == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(device)
    yield told
    if device.type == "cuda":
        told.append(torch.cuda.max_memory_reserved(device))


def _context(device: torch.device) -> int | None:
    if device.type != "cuda":
        return None
    torch.zeros(1, device=device)
    free, total = torch.cuda.mem_get_info(device)
    return total - free - torch.cuda.memory_reserved(device)
