"""Sums, extremes, scans, sorting and statistics."""
