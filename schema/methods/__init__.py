"""Payment methods, as the API shows them."""
