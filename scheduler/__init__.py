"""When: what is due, and the push of answers into the evaluation store."""
