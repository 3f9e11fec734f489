"""The steps by which the evaluation store's table came to be as it is."""

#: The newest step. `mime serve` compares it with what the database says (a test compares it with the files).
HEAD = "0001"
