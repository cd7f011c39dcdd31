"""The admin API: accounts, quotas, statistics and the audit log. It gives no access to files."""
