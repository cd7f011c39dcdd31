"""Building blocks for asyncio. Of Drivebay they import only `errors`."""
