"""The pages that a payer sees: Checkout, the bank's or wallet's challenge, a receipt."""
