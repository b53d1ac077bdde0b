"""Payments: folding evidence, applying it, inquiring, and what may be done with one."""
