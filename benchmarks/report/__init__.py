"""Benchmark records on one page of HTML that needs no other file."""
