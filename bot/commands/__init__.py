"""One file a command of `mime`: options in, a plain function called, a sentence out."""
