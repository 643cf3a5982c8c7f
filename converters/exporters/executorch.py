"""ExecuTorch: an ahead-of-time program, its operations delegated to XNNPACK, Vulkan or Core ML."""

from pathlib import Path
from typing import Any

from torch.export import ExportedProgram
from torch.export.graph_signature import InputKind

from converters.exporters.exported import Exported, itemise
from converters.lowering.half import KEPT_FLOAT32, halved
from converters.passes.graph import export_program
from converters.target import Delegate
from dmvton_mobile.components import ComponentExample
from dmvton_mobile.targets import Precision

SEGMENT_ALIGNMENT = 16  # what kernels read at once; the default, 128, pads hundreds of small constants


def export_executorch(example: ComponentExample, path: Path, precision: Precision, delegate: Delegate) -> Exported:
    """Writes the component as a .pte file and counts what the delegate takes and leaves."""
    from executorch.devtools.backend_debug import get_delegation_info
    from executorch.exir import EdgeCompileConfig, ExecutorchBackendConfig, to_edge_transform_and_lower
    from executorch.exir.passes import MemoryPlanningPass

    from converters.passes.xnnpack import carry_channels_last, with_short_keys, without_copies

    xnnpack = delegate is Delegate.XNNPACK
    graph = halved(example.graph) if xnnpack and precision is Precision.FP16 else example.graph
    program = export_program(graph, example.inputs, carry_channels_last if xnnpack else None)
    with without_copies(), with_short_keys():
        edge = to_edge_transform_and_lower(
            program,
            partitioner=[_partitioner(delegate, precision)],
            compile_config=EdgeCompileConfig(_check_ir_validity=False),
        )
    _drop_unread(edge.exported_program())
    info = get_delegation_info(edge.exported_program().graph_module)
    leftover = {
        name: counts.non_delegated
        for name, counts in sorted(info.delegation_by_operator.items())
        if counts.non_delegated and name != "getitem"
    }
    # Inputs stay where the app holds them: a garment's 17 MB of features are not copied for every frame.
    config = ExecutorchBackendConfig(
        memory_planning_pass=MemoryPlanningPass(alloc_graph_input=False), segment_alignment=SEGMENT_ALIGNMENT
    )
    path.write_bytes(edge.to_executorch(config).buffer)
    kept: tuple[str, ...] = ()
    if xnnpack and precision is Precision.FP16:
        kept = (*KEPT_FLOAT32, "weights in the file: XNNPACK's delegate halves them when it loads")
    stored = Precision.FP32 if xnnpack else precision
    return Exported(itemise(path, program, stored, delegated=info.num_delegated_nodes, leftover=leftover), kept)


def _drop_unread(program: ExportedProgram) -> None:
    """Buffers that only delegates read: ExecuTorch drops such parameters, and would hold integer weights twice."""
    nodes = {node.name: node for node in program.graph.nodes if node.op == "placeholder"}
    signature = program.graph_signature
    for spec in list(signature.input_specs):
        if spec.kind is InputKind.BUFFER and not nodes[spec.arg.name].users:
            signature.input_specs.remove(spec)
            program.graph.erase_node(nodes[spec.arg.name])
            program.state_dict.pop(spec.target, None)
            program.constants.pop(spec.target, None)
    program.graph_module.recompile()


def _partitioner(delegate: Delegate, precision: Precision) -> Any:
    if delegate is Delegate.VULKAN:
        from executorch.backends.vulkan.partitioner.vulkan_partitioner import VulkanPartitioner

        return VulkanPartitioner({"force_fp16": precision is Precision.FP16})
    if delegate is Delegate.COREML:
        import coremltools as ct
        from executorch.backends.apple.coreml.compiler import CoreMLBackend
        from executorch.backends.apple.coreml.partition import CoreMLPartitioner

        half = precision is Precision.FP16
        specs = CoreMLBackend.generate_compile_specs(
            compute_precision=ct.precision.FLOAT16 if half else ct.precision.FLOAT32,
            minimum_deployment_target=ct.target.iOS16,
        )
        return CoreMLPartitioner(compile_specs=specs)
    from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner

    return XnnpackPartitioner()
