"""Digits that a formula loses."""
