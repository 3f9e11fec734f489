"""Settings: read once, here, and handed on as values."""
