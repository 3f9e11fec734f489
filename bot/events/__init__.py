"""Events: what people say about them, who has a place, what falls due, and what the team orders."""
