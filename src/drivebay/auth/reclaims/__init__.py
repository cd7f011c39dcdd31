"""Reclaimed accounts: accounts that go to the owner of their email address."""
