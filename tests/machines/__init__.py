"""Tests of declared machines: the language, the engines, refinement, and the commands."""
