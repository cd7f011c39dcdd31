"""Checks of the supply chain: licences of all locked packages, the bill of materials, and secrets in tracked files."""
