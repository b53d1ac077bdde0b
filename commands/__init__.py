"""How an operator starts and steers it."""
