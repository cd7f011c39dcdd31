"""Mail to accounts: the queue, confirmation of addresses, and resets."""
