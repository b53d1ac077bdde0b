"""Plans: what customers subscribe to."""
