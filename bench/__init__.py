"""Benchmark and ablation harness for DeSTSeg."""
