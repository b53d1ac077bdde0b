"""The catalog, as the API shows them."""
