"""Tests of simkernel. Folders mirror the packages; `meta` is about the project itself."""
