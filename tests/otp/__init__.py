"""Tests of the behaviours, rule by rule (sections 14 to 16)."""
