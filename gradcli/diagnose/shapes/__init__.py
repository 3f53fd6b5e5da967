"""Shapes that fit by chance, and targets of the wrong kind."""
