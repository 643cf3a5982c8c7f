"""The experiments whose tables stand in docs/.

| study | command |
|---|---|
| `lite` | `python -m benchmarks.studies.lite` |
| `agreement` | `python -m benchmarks.studies.agreement` |
| `gate_sensitivity` | `python -m benchmarks.studies.gate_sensitivity` |
| `rendering` | `python -m benchmarks.studies.rendering` |
| `peers` | `dmvton bench peers` |
| `reference` | `dmvton bench reference` |
| `recommend` | `dmvton bench recommend` |
| `compression` | `dmvton bench compression` |

`variants` and `gpu_variants` export networks in the variants that the studies measure.
"""
