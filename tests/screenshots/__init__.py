"""Takes the pictures of the web app in `docs/pictures`, of a real deployment in a real browser."""
