"""Measures Paygraph against what the same machine could do at best, in ratios, on PostgreSQL. `python -m bench`."""
