"""Benchmarks a person runs (``make bench``): each figure beside its goal and a reference measured in the same run."""
