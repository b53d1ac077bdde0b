"""How we speak to a PSP."""
