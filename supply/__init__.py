"""What Drivebay is made of: the licences of all that it locks, and its bill of materials."""
