"""The sample public API: healthy at /api/v1/health on port 8443; /health is 401 there."""

import asyncio

from http_service import Service

if __name__ == "__main__":
    asyncio.run(Service("api", 8443, "/api/v1/health").run())
