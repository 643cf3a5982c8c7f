"""Options and arguments that several commands take: one spelling, one unit, one sentence of help."""

from pathlib import Path
from typing import Annotated

import typer

from dmvton_mobile.contract import DEFAULT_SIZE, size_text

DEFAULT_SIZE_TEXT = size_text(DEFAULT_SIZE)

Size = Annotated[
    str,
    typer.Option(metavar="HEIGHTxWIDTH", help="Height and width of the network's images in pixels, multiples of 32."),
]
Threads = Annotated[int, typer.Option(min=1, help="CPU threads per runtime.")]
Rounds = Annotated[int, typer.Option(min=1, help="Rounds. In each, every candidate runs once, in a new process.")]
Runs = Annotated[int, typer.Option(min=1, help="Timed runs per candidate and round, after the warm-up.")]
Limit = Annotated[int | None, typer.Option(min=1, help="Use only the first N images. Default: all.")]
TorchDevice = Annotated[str, typer.Option(help="PyTorch device: cpu, cuda or cuda:N.")]

_DATASET = "Dataset folder. Its layout (VITON, VITON-HD, DressCode, PF-AFN) is detected."
DatasetArgument = Annotated[Path, typer.Argument(metavar="DIR", help=_DATASET)]
DatasetOption = Annotated[Path, typer.Option(help=_DATASET)]
BundleArgument = Annotated[Path, typer.Argument(help="Bundle: the folder NAME.dmvton, or a .zip of it.")]
BundleFolder = Annotated[Path, typer.Argument(help="Bundle folder, NAME.dmvton.")]
BundleOption = Annotated[Path, typer.Option(help="Bundle: the folder NAME.dmvton, or a .zip of it.")]
RunFolderOption = Annotated[Path, typer.Option(help="Output folder. An interrupted run in it is continued.")]
NewFolderOption = Annotated[Path, typer.Option(help="Output folder. Must not exist.")]
LpipsWeights = Annotated[
    Path | None, typer.Option(help="VGG-16 weights of torchvision, vgg16-397923af.pth. Default: no LPIPS.")
]
Overrides = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Override one key of the recipe, like batch_size=2. Repeatable."),
]
TargetNames = Annotated[
    list[str] | None,
    typer.Option(metavar="NAME", help="Target: coreml, tflite, executorch, onnx or all. Repeatable. Default: all."),
]
