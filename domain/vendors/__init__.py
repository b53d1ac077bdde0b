"""Vendors: who receives shares of sales. Each has an account of its own at the PSP."""
