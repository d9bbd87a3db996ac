"""Tests of the systems in specs/."""
