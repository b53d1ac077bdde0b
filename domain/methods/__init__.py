"""Ways to pay: what is known of each, and which of them a payment can be offered."""
