"""Adapters: one file a provider. An adapter translates; it neither decides nor stores."""
