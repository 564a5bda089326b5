"""The sample skills service: healthy at /health on port 8080."""

import asyncio

from http_service import Service

HEALTHY = True

if __name__ == "__main__":
    asyncio.run(Service("skills", 8080, "/health", healthy=lambda: HEALTHY).run())
