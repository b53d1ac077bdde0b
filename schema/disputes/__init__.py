"""Disputes, as the API shows them."""
