"""The stages of training, and how a recipe becomes one."""
