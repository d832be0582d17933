"""Metrics of tasks, each a pure function of one answer of a model and what is known to be true."""
