"""Payments, as the API shows them."""
