"""The nouns: contacts and their addresses, messages in and out, ids. Pure; imports nothing of ours."""
