"""The reference Molmo: Molmo (2024) and Molmo2 in plain PyTorch, exact to the released models (extra `molmo`)."""
