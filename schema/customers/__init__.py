"""Customers and what they leave with a merchant, as the API shows them."""
