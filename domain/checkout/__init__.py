"""How an order comes to be paid: on a hosted page, or by a token. However often, there is one open payment."""
