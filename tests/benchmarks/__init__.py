"""Tests of the benchmarks: the peers do their jobs, the arithmetic points the right way."""
