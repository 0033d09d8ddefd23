"""Numbered steps, each the child of the one before."""

__all__: list[str] = []
