"""How we write to people: the words, the letter, and the mail server that takes it."""
