"""The routes of clients: rules, and the requests that prove them."""
