"""Real servers out of wheels."""
