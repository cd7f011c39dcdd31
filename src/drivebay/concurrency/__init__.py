"""Building blocks for asyncio. They do not depend on the rest of Drivebay."""
