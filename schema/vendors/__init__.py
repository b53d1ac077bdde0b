"""Vendors, their balances, transfers and payouts, as the API shows them."""
