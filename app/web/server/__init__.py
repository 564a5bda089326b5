"""The HTTP server of both listeners: Hypercorn's HTTP/1.1 with deadlines and a limit on connections."""
