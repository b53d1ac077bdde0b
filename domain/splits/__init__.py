"""How a sale's money divides: rules, and what each party has of a sum at any moment. Pure, but for the rules' rows."""
