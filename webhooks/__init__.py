"""What a PSP tells us."""
