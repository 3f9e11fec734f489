"""The evaluation store: answers under pseudonyms. It knows no name, no number and no address."""
