"""Mail to accounts: the queue, confirmation of email addresses, and resets."""
