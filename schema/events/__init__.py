"""Events, as the API shows them."""
