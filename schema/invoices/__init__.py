"""Invoices, as the API shows them."""
