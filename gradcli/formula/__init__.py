"""Derivatives as formulas: symbols, simplification, and printing as text."""
