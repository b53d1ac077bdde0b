"""Split rules, as the API shows them."""
