"""Views of traces, for people. Nothing here runs a system."""
