"""Bundles: artifacts with golden tensors and a manifest that vouches for every byte."""
