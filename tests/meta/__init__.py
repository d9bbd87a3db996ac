"""Tests about the project itself: sizes, imports, documents, the wheel."""
