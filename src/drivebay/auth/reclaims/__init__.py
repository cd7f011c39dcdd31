"""Reclaimed accounts: accounts that are given to the person who receives the mail of their email address."""
