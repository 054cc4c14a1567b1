"""Benchmark and ablation harness for DeSTSeg."""

__version__ = "0.1.0"
