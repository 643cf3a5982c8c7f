"""LPIPS against torchmetrics' arithmetic and a plain one, on seeded VGG weights and the published heads."""

import importlib.metadata
from importlib import resources
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchmetrics.functional.image import lpips as torchmetrics_lpips

from dmvton_mobile.errors import DmvtonError
from dmvton_mobile.metrics.inputs import MetricError
from dmvton_mobile.metrics.perceptual import Lpips, lpips
from dmvton_mobile.metrics.vgg import VGGS, VggFeatures
from tests.metrics.seeded import perturbed, pictures, save, seed_weights

REFERENCE = (pictures(1, 3, (64, 48)) * 2 - 1).float()
CANDIDATE = (perturbed(pictures(1, 3, (64, 48)), 0.1) * 2 - 1).float()


@pytest.fixture(scope="module")
def metric(tmp_path_factory: pytest.TempPathFactory) -> Lpips:
    network = VggFeatures(VGGS["vgg16"])
    seed_weights(network)
    path = tmp_path_factory.mktemp("vgg") / "vgg16.pth"
    return lpips(path, sha256=save(network.state_dict(), path))


def plain_lpips(network: VggFeatures, candidate: Tensor, reference: Tensor) -> list[float]:
    """The paper's equation 1, pixel vectors taken one image and one layer at a time, in float64."""
    heads = torch.load(
        str(resources.files("torchmetrics.functional.image").joinpath("lpips_models", "vgg.pth")),
        map_location="cpu",
        weights_only=True,
    )
    mean, deviation = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    distances = []
    for pair in zip(candidate, reference):
        # [-1, 1] -> [0, 1] -> ImageNet's normalisation, of which the metric's own scaling is a rounding
        scaled = [((image + 1) / 2 - mean.view(3, 1, 1)) / deviation.view(3, 1, 1) for image in pair]
        distance = 0.0
        for level, (a, b) in enumerate(zip(*(network(image[None]) for image in scaled))):
            weight = heads[f"lin{level}.model.1.weight"].flatten().double()
            a, b = (F.normalize(map[0].flatten(1).double(), dim=0) for map in (a, b))
            distance += float((weight @ (a - b) ** 2).mean())
        distances.append(distance)
    return distances


def test_lpips_is_the_papers_equation(metric: Lpips) -> None:
    """The published constants are ImageNet's in three digits, which moves the figure in the third."""
    figures = metric(CANDIDATE, REFERENCE)
    assert figures.shape == (3,)
    assert figures.tolist() == pytest.approx(plain_lpips(metric.features, CANDIDATE, REFERENCE), rel=2e-2)


def test_lpips_is_torchmetrics(metric: Lpips, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its own module, its own reading of the heads; only the backbone, which it has from torchvision, is ours."""

    def backbone(net: str, pretrained: bool) -> nn.Module:
        assert net == "vgg16"
        return metric.features.features

    monkeypatch.setattr(torchmetrics_lpips, "_get_tv_model_features", backbone)
    theirs = torchmetrics_lpips._LPIPS(net="vgg", pnet_rand=True)
    assert torch.allclose(metric(CANDIDATE, REFERENCE), theirs(CANDIDATE, REFERENCE).flatten(), rtol=1e-5, atol=0)


def test_equal_pictures_are_at_zero(metric: Lpips) -> None:
    assert metric(REFERENCE, REFERENCE.clone()).tolist() == [0.0, 0.0, 0.0]


def test_it_computes_in_float32_whatever_it_is_given(metric: Lpips) -> None:
    figures = metric(CANDIDATE.double(), REFERENCE.double())
    assert figures.dtype == torch.float32 and torch.equal(figures, metric(CANDIDATE, REFERENCE))


def test_either_may_be_first(metric: Lpips) -> None:
    assert torch.equal(metric(CANDIDATE, REFERENCE), metric(REFERENCE, CANDIDATE))


def test_more_noise_is_farther(metric: Lpips) -> None:
    image = pictures(2)
    noisy = [perturbed(image, amount) for amount in (0.0, 0.02, 0.1, 0.4)]
    figures = [metric((other * 2 - 1).float(), (image * 2 - 1).float()).item() for other in noisy]
    assert figures == sorted(set(figures))


def test_the_batch_does_not_matter(metric: Lpips) -> None:
    alone = torch.cat([metric(CANDIDATE[i : i + 1], REFERENCE[i : i + 1]) for i in range(3)])
    assert torch.allclose(metric(CANDIDATE, REFERENCE), alone, rtol=0, atol=1e-6)


def test_wrong_pictures_are_errors(metric: Lpips) -> None:
    for wrong, message in (
        (REFERENCE * 127, "candidate must lie from -1 to 1"),
        (REFERENCE[:, :1], r"candidate must be \[B, 3, H, W\]"),
        (REFERENCE[:1], r"candidate is \[1, 3, 64, 48\] and reference \[3, 3, 64, 48\]"),
        (REFERENCE[..., :15], "candidate is 15x64; this metric needs 16 pixels"),
    ):
        with pytest.raises(MetricError, match=message):
            metric(wrong, REFERENCE)


def test_without_torchmetrics_there_is_a_sentence(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def missing(name: str) -> importlib.metadata.Distribution:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "distribution", missing)
    with pytest.raises(DmvtonError, match="LPIPS needs torchmetrics, which is not installed: pip install"):
        lpips(tmp_path / "vgg16.pth")
