"""A weights file is the published one or refused: by name, by SHA-256, and with nothing in it run."""

import hashlib
import re
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from dmvton_mobile.metrics.inception import INCEPTION, inception_features
from dmvton_mobile.metrics.perceptual import lpips
from dmvton_mobile.metrics.vgg import VGGS, VggName, vgg_features
from dmvton_mobile.metrics.weights import WeightsError, WeightsFile, load_weights, read_weights
from tests.metrics.seeded import save


class Marker:
    """A pickle that runs something when it is read as one."""

    def __init__(self, path: Path):
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return Path.touch, (self.path,)


def published(sha256: str) -> WeightsFile:
    return WeightsFile("tiny-0123abcd.pth", sha256, "https://example.org/tiny-0123abcd.pth")


@pytest.fixture
def state() -> dict[str, Tensor]:
    return {"weight": torch.arange(6.0).view(2, 3), "bias": torch.tensor([7.0, 8.0]), "classifier": torch.zeros(4)}


def test_a_module_is_filled_and_frozen(state: dict[str, Tensor], tmp_path: Path) -> None:
    """What the file holds beyond it, a classifier, is left out."""
    digest, module = save(state, tmp_path / "w.pth"), nn.Linear(3, 2)
    load_weights(module, tmp_path / "w.pth", published(digest[:8]))
    assert module(torch.ones(3)).tolist() == [10.0, 20.0]
    assert not module.training and not any(parameter.requires_grad for parameter in module.parameters())


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(WeightsError) as caught:
        read_weights(tmp_path / "gone.pth", published("0123abcd"))
    for part in (str(tmp_path / "gone.pth"), "tiny-0123abcd.pth", "0123abcd", "example.org", "nothing is downloaded"):
        assert part in str(caught.value)


def test_another_file(state: dict[str, Tensor], tmp_path: Path) -> None:
    digest = save(state, tmp_path / "w.pth")
    with pytest.raises(WeightsError, match=f"w.pth has the SHA-256 {digest}; it should be tiny.* begins with 0123abcd"):
        read_weights(tmp_path / "w.pth", published("0123abcd"))


def test_a_truncated_file(state: dict[str, Tensor], tmp_path: Path) -> None:
    path = tmp_path / "w.pth"
    digest = save(state, path)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(WeightsError, match="has the SHA-256"):
        read_weights(path, published(digest[:8]))


@pytest.mark.parametrize("content", [b"", b"not a pickle", b"PK\x03\x04 cut short"])
def test_not_a_weights_file(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "w.pth").write_bytes(content)
    with pytest.raises(WeightsError, match="w.pth is not a PyTorch weights file; nothing in it was run"):
        read_weights(tmp_path / "w.pth", published(hashlib.sha256(content).hexdigest()))


def test_code_in_a_file_is_not_run(tmp_path: Path) -> None:
    path, ran = tmp_path / "w.pth", tmp_path / "ran"
    torch.save({"weight": Marker(ran)}, path)
    with pytest.raises(WeightsError, match="nothing in it was run"):
        read_weights(path, published(hashlib.sha256(path.read_bytes()).hexdigest()))
    assert not ran.exists()
    torch.load(path, weights_only=False)
    assert ran.exists()  # it would have been


@pytest.mark.parametrize("content", [[torch.zeros(1)], {"epoch": 3, "weight": torch.zeros(1)}])
def test_not_a_state_dict(content: object, tmp_path: Path) -> None:
    path = tmp_path / "w.pth"
    torch.save(content, path)
    with pytest.raises(WeightsError, match="w.pth is not a state_dict of tensors"):
        read_weights(path, published(hashlib.sha256(path.read_bytes()).hexdigest()))


def test_wrong_tensors_are_named(tmp_path: Path) -> None:
    digest = save({"weight": torch.zeros(3, 2), "other": torch.zeros(1)}, tmp_path / "w.pth")
    module = nn.Linear(3, 2)
    before = module.weight.clone()
    with pytest.raises(WeightsError, match=r"(?s)w.pth does not hold.*missing: bias.*weight is float32 \[3, 2\], not"):
        load_weights(module, tmp_path / "w.pth", published(digest))
    assert torch.equal(module.weight, before)


def test_the_published_names_carry_their_hashes() -> None:
    """torch.hub's convention: the last eight digits of the name begin the SHA-256."""
    for file in (INCEPTION, *(vgg.weights for vgg in VGGS.values())):
        carried = re.fullmatch(r".*-([0-9a-f]{8})\.pth", file.name)
        assert carried and file.sha256.startswith(carried[1]) and file.source.endswith(f"/{file.name}")


def test_every_extractor_refuses_another_file(state: dict[str, Tensor], tmp_path: Path) -> None:
    """By the published hash, and, where that is said to be the file's own, by its tensors."""
    path = tmp_path / "w.pth"
    digest = save(state, path)
    names: tuple[VggName, VggName] = ("vgg16", "vgg19")
    for name in names:
        with pytest.raises(WeightsError, match=f"{name}.*pth, whose SHA-256"):
            vgg_features(name, path)
        with pytest.raises(WeightsError, match="missing: features.0.weight"):
            vgg_features(name, path, sha256=digest)
    with pytest.raises(WeightsError, match="pt_inception-2015-12-05-6726825d.pth, whose SHA-256 begins with 6726825d"):
        inception_features(path)
    with pytest.raises(WeightsError, match="missing: Conv2d_1a_3x3.conv.weight"):
        inception_features(path, sha256=digest)
    with pytest.raises(WeightsError, match="vgg16-397923af.pth, whose SHA-256 begins with 397923af"):
        lpips(path)
