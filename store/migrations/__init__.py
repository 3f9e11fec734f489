"""The steps by which the operational store's tables came to be as they are."""

#: The newest step. `mime serve` compares it with what the database says (a test compares it with the files).
HEAD = "0010"
