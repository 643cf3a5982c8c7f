"""The same function in fewer operations, for inference: batch norms folded into convolutions, a concatenation saved."""

from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from dmvton_mobile.networks.warp import RefineHead


def fold_batch_norms(network: nn.Module) -> None:
    """Folds every batch norm that follows a convolution into it, in place; the network must be in eval mode."""
    for sequence in [module for module in network.modules() if isinstance(module, nn.Sequential)]:
        for index in range(len(sequence) - 1):
            convolution, norm = sequence[index], sequence[index + 1]
            if isinstance(convolution, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
                sequence[index], sequence[index + 1] = fuse_conv_bn_eval(convolution, norm), nn.Identity()


def split_refinement(network: nn.Module) -> None:
    """Puts `SplitRefineHead` in the place of every refine head, in place."""
    for module in list(network.modules()):
        for name, child in list(module.named_children()):
            if isinstance(child, RefineHead):
                module.register_module(name, SplitRefineHead(child))


def names_before_split(network: nn.Module) -> dict[str, str]:
    """Maps every convolution of a network with split refine heads to its path before the split.

    Both halves of a head's first convolution map to that one; a layer with several paths maps to the first of them.
    """
    first: dict[nn.Module, str] = {}
    before = {}
    for name, layer in network.named_modules(remove_duplicate=False):
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
            before[name] = _name_before_split(network, first.setdefault(layer, name))
    return before


def _name_before_split(network: nn.Module, layer: str) -> str:
    head, _, name = layer.rpartition(".")
    if isinstance(network.get_submodule(head), SplitRefineHead):
        return f"{head}.0"
    parent = head.removesuffix(".rest")
    if parent != head and isinstance(network.get_submodule(parent), SplitRefineHead):
        return f"{parent}.{int(name) + 1}"
    return layer


class SplitRefineHead(nn.Module):
    """A refine head whose first convolution is split over its two inputs, so that they need no concatenation."""

    def __init__(self, head: RefineHead):
        super().__init__()
        first, *rest = head
        assert isinstance(first, nn.Conv2d)
        features = first.in_channels // 2
        self.warped = nn.Conv2d(features, first.out_channels, 3, padding=1)
        self.person = nn.Conv2d(features, first.out_channels, 3, padding=1, bias=False)
        self.warped.weight, self.warped.bias = nn.Parameter(first.weight[:, :features].clone()), first.bias
        self.person.weight = nn.Parameter(first.weight[:, features:].clone())
        self.rest = nn.Sequential(*rest)

    def forward(self, warped: Tensor, person: Tensor) -> Tensor:
        """Two maps [B, 256, h, w] -> offset [B, 2, h, w] in pixels."""
        return self.rest(self.warped(warped) + self.person(person))
