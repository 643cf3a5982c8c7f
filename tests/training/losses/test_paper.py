"""Every loss against its formula, written out in plain loops or by hand."""

from collections.abc import Callable, Iterable
from itertools import product

import pytest
import torch
from torch import Tensor

from dmvton_mobile.datasets.sample import Truth
from dmvton_mobile.networks import TryOnOutput
from dmvton_mobile.networks.flow import FlowOperations, downsample, flow_laplacian
from dmvton_mobile.networks.warp import WarpLevels
from training.losses.paper import (
    SkinWeights,
    condition_distillation,
    feature_distance,
    flow_distance,
    flow_distillation,
    flow_truth_loss,
    garment_distillation,
    garment_l1,
    garment_perceptual,
    gate,
    generator_loss,
    mask_l1,
    skin_loss,
    skin_region,
    smoothness,
    total_variation,
    truth_at_level,
    warp_loss,
)

FULL = (48, 64)  # height, width; the coarsest flow is 3x4
LEVELS = range(5)


def draw(*shape: int, seed: int) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def by_level(batch: int, channels: int, seed: int) -> list[Tensor]:
    """Maps of the five levels, coarse to fine, the last at the full size."""
    sizes = [(FULL[0] // 2 ** (4 - n), FULL[1] // 2 ** (4 - n)) for n in LEVELS]
    return [draw(batch, channels, *size, seed=seed + n) for n, size in enumerate(sizes)]


def random_levels(seed: int, batch: int = 2) -> WarpLevels:
    flows = by_level(batch, 2, seed)
    laplacians = [flow_laplacian(flow) for flow in flows]
    return WarpLevels(
        condition_features=by_level(batch, 3, seed + 10),
        garment_features=by_level(batch, 3, seed + 20),
        flows=flows,
        offsets=[draw(batch, 2, 3 + n, 4, seed=seed + 30 + n) for n in range(10)],
        warped_garments=by_level(batch, 3, seed + 40),
        warped_masks=[mask.abs() for mask in by_level(batch, 1, seed + 50)],
        laplacians_x=[x for x, _ in laplacians],
        laplacians_y=[y for _, y in laplacians],
    )


def plain_mean(values: Iterable[float]) -> float:
    listed = list(values)
    return sum(listed) / len(listed)


def plain_l1(first: Tensor, second: Tensor) -> float:
    return plain_mean(abs(a - b) for a, b in zip(first.flatten().tolist(), second.flatten().tolist(), strict=True))


def plain_target(full: Tensor, n: int) -> Tensor:
    """At 1 / 2^(4 - n): the mean of the four pixels in the middle of each block."""
    factor = 2 ** (4 - n)
    if factor == 1:
        return full
    middle = (factor // 2 - 1, factor // 2)
    return torch.stack([full[:, :, i::factor, j::factor] for i, j in product(middle, middle)]).mean(0)


def squares(first: Tensor, second: Tensor) -> Tensor:
    """A stand-in for a perceptual loss, easily written in another way."""
    return (first - second).square().sum()


def test_the_warped_garment_and_its_mask_at_every_level() -> None:
    garments, masks = by_level(2, 3, seed=1), by_level(2, 1, seed=7)
    clothes, mask = draw(2, 3, *FULL, seed=0), draw(2, 1, *FULL, seed=6)
    for loss, levels, full in ((garment_l1, garments, clothes), (mask_l1, masks, mask)):
        expected = sum((n + 1) * plain_l1(level, plain_target(full, n)) for n, level in enumerate(levels))
        assert loss(levels, full).item() == pytest.approx(expected, rel=1e-5)


def test_the_perceptual_loss_at_every_level() -> None:
    garments, clothes = by_level(2, 3, seed=1), draw(2, 3, *FULL, seed=0)
    expected = sum(
        (n + 1) * sum(d * d for d in (garment - plain_target(clothes, n)).flatten().tolist())
        for n, garment in enumerate(garments)
    )
    assert garment_perceptual(garments, clothes, squares).item() == pytest.approx(expected, rel=1e-5)


def test_smoothness() -> None:
    flows = by_level(2, 2, seed=3)
    expected = 0.0
    for n, flow in enumerate(flows):
        height, width = flow.shape[2:]
        for channel in (0, 1):
            planes = flow[:, channel].tolist()
            penalties = [
                ((plane[i - di][j - dj] - 2 * plane[i][j] + plane[i + di][j + dj]) ** 2 + 0.001**2) ** 0.45
                for plane in planes
                for di, dj in ((0, 1), (1, 0), (1, 1), (1, -1))
                for i in range(1, height - 1)
                for j in range(1, width - 1)
            ]
            expected += (n + 1) * plain_mean(penalties)
    x, y = zip(*map(flow_laplacian, flows))
    assert smoothness(x, y).item() == pytest.approx(expected, rel=1e-4)


def test_total_variation() -> None:
    offsets = random_levels(0).offsets
    expected = 0.0
    for offset in offsets:
        planes = offset.flatten(0, 1).tolist()
        expected += plain_mean(abs(a - b) for plane in planes for i, j in zip(plane, plane[1:]) for a, b in zip(i, j))
        expected += plain_mean(abs(a - b) for plane in planes for row in plane for a, b in zip(row, row[1:]))
    assert total_variation(offsets).item() == pytest.approx(expected, rel=1e-5)


def test_the_weights_of_the_warp_loss() -> None:
    levels, clothes, mask = random_levels(5), draw(2, 3, *FULL, seed=0), draw(2, 1, *FULL, seed=1)
    losses = warp_loss(levels, clothes, mask, squares)
    expected = {
        "warp_l1": garment_l1(levels.warped_garments, clothes),
        "warp_perceptual": garment_perceptual(levels.warped_garments, clothes, squares) / 5,
        "warp_mask": mask_l1(levels.warped_masks, mask) * 2,
        "warp_smoothness": smoothness(levels.laplacians_x, levels.laplacians_y) * 6,
        "warp_variation": total_variation(levels.offsets) / 100,
    }
    assert losses.keys() == expected.keys()
    for name, value in expected.items():
        torch.testing.assert_close(losses[name], value)


def test_the_gate_by_hand() -> None:
    """The teacher is nearer, as near, farther; each error is the mean over the whole sample."""
    clothes = torch.zeros(3, 3, 2, 2)
    teacher = torch.tensor([0.1, 0.3, 0.5])[:, None, None, None].expand(3, 3, 2, 2).requires_grad_()
    student = torch.zeros(3, 3, 2, 2)
    student[:, 0, 0, 0] = torch.tensor([-1.3, 3.6, 5.9])  # 12 values: means 0.108, 0.3, 0.49
    student.requires_grad_()
    passed = gate(teacher, student, clothes)
    assert passed.tolist() == [1, 0, 0] and not passed.requires_grad


@pytest.mark.parametrize("passed", [(1, 1, 1), (1, 0, 1), (0, 0, 1), (0, 0, 0)])
def test_distances_count_the_samples_that_passed(passed: tuple[int, ...]) -> None:
    teacher, student = draw(3, 4, 2, 5, seed=0), draw(3, 4, 2, 5, seed=1)
    gates, counted = torch.tensor(passed, dtype=torch.float32), max(1, sum(passed))
    differences = (teacher - student).tolist()
    features = flows = 0.0
    for b, c, i, j in product(range(3), range(4), range(2), range(5)):
        features += passed[b] * differences[b][c][i][j] ** 2 / (4 * 2 * 5 * counted)
    for b, i, j in product(range(3), range(2), range(5)):
        x, y = differences[b][0][i][j], differences[b][1][i][j]
        flows += passed[b] * (x * x + y * y) ** 0.5 / (2 * 5 * counted)
    assert feature_distance(teacher, student, gates).item() == pytest.approx(features, rel=1e-5)
    assert flow_distance(teacher[:, :2], student[:, :2], gates).item() == pytest.approx(flows, rel=1e-5)


@pytest.mark.parametrize("distance", [feature_distance, flow_distance])
def test_only_the_student_is_drawn(distance: Callable[[Tensor, Tensor, Tensor], Tensor]) -> None:
    teacher, student = draw(2, 2, 3, 4, seed=0).requires_grad_(), draw(2, 2, 3, 4, seed=1).requires_grad_()
    distance(teacher, student, torch.tensor([1.0, 0.0])).backward()
    assert teacher.grad is None and student.grad is not None
    assert student.grad[0].abs().min() > 0 and not student.grad[1].any()


def test_equal_flows_have_a_finite_gradient() -> None:
    flow = draw(1, 2, 3, 4, seed=0).requires_grad_()
    flow_distance(flow.detach().clone(), flow, torch.ones(1)).backward()
    assert flow.grad is not None and torch.isfinite(flow.grad).all()


@pytest.mark.parametrize(
    ("distillation", "field", "weights"),
    [
        (condition_distillation, "condition_features", (0.20, 0.16, 0.12, 0.08, 0.04)),
        (garment_distillation, "garment_features", (0.20, 0.16, 0.12, 0.08, 0.04)),
        (flow_distillation, "flows", (0, 0, 3, 4, 5)),
    ],
)
@pytest.mark.parametrize("n", LEVELS)
def test_the_weights_of_distillation(
    distillation: Callable[[WarpLevels, WarpLevels, Tensor], Tensor], field: str, weights: tuple[float, ...], n: int
) -> None:
    """Teacher and student differ at one level alone: by 1 in every feature, by (0.6, 0.8) in every flow."""
    student = random_levels(0)
    maps = list(getattr(student, field))
    step = torch.tensor([0.6, 0.8]) if field == "flows" else torch.ones(3)
    maps[n] = maps[n] + step[:, None, None]
    teacher = student._replace(**{field: maps})
    assert distillation(teacher, student, torch.tensor([0.0, 1.0])).item() == pytest.approx(weights[n], rel=1e-5)


def test_the_generators_terms() -> None:
    tryon, rendered, person = (draw(2, 3, 4, 5, seed=seed) for seed in (0, 1, 2))
    composition = draw(2, 1, 4, 5, seed=3).abs()
    output = TryOnOutput(tryon, tryon, composition, tryon[:, :2], composition, rendered)
    losses = generator_loss(output, person, squares)
    assert losses["tryon_l1"].item() == pytest.approx(5 * plain_l1(tryon, person), rel=1e-5)
    assert losses["rendered_l1"].item() == pytest.approx(5 * plain_l1(rendered, person), rel=1e-5)
    assert losses["tryon_perceptual"] == squares(tryon, person)
    assert losses["rendered_perceptual"] == squares(rendered, person)
    expected = plain_mean(1 - value for value in composition.flatten().tolist())
    assert losses["composition"].item() == pytest.approx(expected, rel=1e-5)
    assert len(losses) == 5


def test_the_skin_terms() -> None:
    """Two by two pixels: covered by the other garment and not by the paired one, by both, by neither, half by one."""
    unpaired = torch.tensor([[[[1.0, 1.0], [0.0, 0.5]]]], requires_grad=True)
    skin = skin_region(unpaired, torch.tensor([[[[0.0, 1.0], [0.0, 0.0]]]]))
    assert skin.flatten().tolist() == [1, 0, 0, 0.5] and not skin.requires_grad
    rendered, person = draw(1, 3, 2, 2, seed=0), draw(1, 3, 2, 2, seed=1)
    losses = skin_loss(rendered, person, skin, squares, SkinWeights(30, 2))
    differences = [
        weight * (rendered - person)[0, c, i, j].item()
        for c, (i, j, weight) in product(range(3), ((0, 0, 1), (0, 1, 0), (1, 0, 0), (1, 1, 0.5)))
    ]
    assert losses["skin_l1"].item() == pytest.approx(30 * plain_mean(map(abs, differences)), rel=1e-5)
    assert losses["skin_perceptual"].item() == pytest.approx(2 * sum(d * d for d in differences), rel=1e-5)


def affine_truth() -> Truth:
    """A garment laid smaller and aside, seen everywhere: [1, 2, 48, 64]."""
    height, width = FULL
    x = (torch.linspace(-0.5, 0.6, width)).expand(height, width)
    y = (torch.linspace(-0.7, 0.4, height)).view(-1, 1).expand(height, width)
    everywhere = torch.ones(1, 1, height, width)
    return Truth(torch.stack([x, y])[None], everywhere, everywhere)


@pytest.mark.parametrize("align_corners", [True, False])
@pytest.mark.parametrize("n", LEVELS)
def test_the_truth_at_a_level_samples_the_same_points(n: int, align_corners: bool) -> None:
    """Of a picture whose pixels hold their own coordinates, made smaller and sampled at the smaller truth: those that
    the truth names, on average over each block."""
    truth, factor = affine_truth(), 2 ** (4 - n)
    rows, columns = torch.meshgrid(*(torch.arange(float(length)) for length in FULL), indexing="ij")
    ramp = torch.stack([columns, rows])[None]
    grid, visible = truth_at_level(truth, by_level(1, 2, seed=0)[n], align_corners)
    sampled = FlowOperations(align_corners).warp(downsample(ramp, factor), grid)
    pixels = (truth.grid + 1) / 2 * torch.tensor([FULL[1] - 1.0, FULL[0] - 1.0])[None, :, None, None]
    blocks = pixels.unfold(2, factor, factor).unfold(3, factor, factor).mean((4, 5))
    torch.testing.assert_close(sampled, blocks, rtol=1e-4, atol=1e-3)
    assert (visible == 1).all()


def test_the_flow_is_compared_where_the_garment_is_seen() -> None:
    """In plain loops, at full size and at half of it, where a pixel weighs as much as is seen of it."""
    height, width = 4, 6
    grid, flows = draw(2, 2, height, width, seed=0), [draw(2, 2, 2, 3, seed=1), draw(2, 2, height, width, seed=2)]
    visible = (draw(2, 1, height, width, seed=3) > 0).float()
    visible[0, 0, :2, :2] = 0  # a coarse pixel that sees nothing
    truth = Truth(grid, torch.ones_like(visible), visible)
    expected = 0.0
    for n, (flow, factor) in enumerate(zip(flows, (2, 1))):
        total = weight = 0.0
        for b, i, j in product(range(2), range(height // factor), range(width // factor)):
            block = [
                (i * factor + di, j * factor + dj)
                for di, dj in product(range(factor), range(factor))
                if visible[b, 0, i * factor + di, j * factor + dj]
            ]
            if block:
                x, y = (plain_mean(grid[b, c, k, m].item() for k, m in block) for c in (0, 1))
                x, y = x * (width - 1) / (width - factor), y * (height - 1) / (height - factor)
                distance = ((flow[b, 0, i, j].item() - x) ** 2 + (flow[b, 1, i, j].item() - y) ** 2) ** 0.5
                total, weight = total + len(block) * distance, weight + len(block)
        expected += (n + 1) * total / weight
    assert flow_truth_loss(flows, truth, align_corners=True).item() == pytest.approx(expected, rel=1e-5)


def test_the_true_flow_costs_nothing_and_what_is_hidden_counts_nothing() -> None:
    truth = affine_truth()
    flow = truth.grid.clone().requires_grad_()
    loss = flow_truth_loss([flow], truth, align_corners=True)
    loss.backward()
    assert loss.item() == 0 and flow.grad is not None and torch.isfinite(flow.grad).all()
    hidden = Truth(truth.grid, truth.garment, torch.zeros_like(truth.visible))
    assert flow_truth_loss(by_level(1, 2, seed=0), hidden, align_corners=True).item() == 0
