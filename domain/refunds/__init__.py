"""Refunds: requested by the merchant or reserved by us, asked of the PSP, observed wherever they were made."""
