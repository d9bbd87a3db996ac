"""Traces: runs as files, and files as runs again."""
