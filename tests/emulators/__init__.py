"""Real services for tests: each file knows the ways to get one, and a test asks for the service, not for the way."""
