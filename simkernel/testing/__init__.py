"""Ways in from tests: the pytest plugin, and strategies and systems for Hypothesis."""
