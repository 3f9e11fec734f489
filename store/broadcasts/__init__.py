"""Broadcasts: one message or invitation to many, from the draft to the last row that waits for its hour."""
