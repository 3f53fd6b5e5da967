"""Derivatives as formulas: how they are made, simplified, compared and written."""
