"""The group `dmvton bench`: its commands by name, so that `--help` imports none of them."""

from typer.core import TyperGroup

from dmvton_mobile.cli.lazy import LazyCommand

bench = TyperGroup(
    name="bench",
    help="Measure latency, memory and footprint of bundles.",
    no_args_is_help=True,
    commands=[
        LazyCommand("run", "benchmarks.cli.run:run_command", "Run a benchmark suite on a device and write its record."),
        LazyCommand(
            "accept",
            "benchmarks.cli.run:accept_command",
            "Give the verdict on a record that was copied from a phone by hand.",
        ),
        LazyCommand(
            "devices",
            "benchmarks.cli.run:devices_command",
            "List the devices that can be measured on now, and what the others lack.",
        ),
        LazyCommand(
            "footprint",
            "benchmarks.cli.footprint:footprint_command",
            "Check that a bundle is within a budget: parameters, files, download, arena and RSS delta, each.",
        ),
        LazyCommand(
            "report",
            "benchmarks.cli.report:report_command",
            "Show records on one HTML page: verdicts, figures, charts, devices and conditions.",
        ),
        LazyCommand(
            "overlay",
            "benchmarks.cli.report:overlay_command",
            "Write the operation times of a record as node data for Model Explorer.",
        ),
        LazyCommand(
            "compare",
            "benchmarks.cli.compare:compare_command",
            "Fail if one record is worse than another by more than a bound.",
        ),
        LazyCommand(
            "recommend",
            "benchmarks.cli.recommend:recommend_command",
            "Measure every precision of a bundle and write a recommendation for each target into its manifest.",
        ),
        LazyCommand(
            "compression",
            "benchmarks.cli.compression:compression_command",
            "Report cost and quality after each step of a compression, for every target.",
        ),
        LazyCommand(
            "peers",
            "benchmarks.cli.peers:peers_command",
            "Measure the papers' networks and dmvton-lite: MACs, weights, latency and memory.",
        ),
        LazyCommand(
            "reference",
            "benchmarks.cli.reference:reference_command",
            "Measure the networks in PyTorch on a GPU, by the papers' protocol and by ours.",
        ),
        LazyCommand("schema", "benchmarks.cli.run:schema_command", "Print the JSON Schema of a benchmark record."),
    ],
)
