"""`dashboard`: what open dashboards cost the web process."""
