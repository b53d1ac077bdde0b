"""Holds, as the API shows them."""
