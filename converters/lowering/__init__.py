"""The same weights in the operations that a runtime runs best."""
