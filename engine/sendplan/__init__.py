"""sendplan: rules as data, a pure decision, a plan that people read, and mail that leaves exactly once."""

__version__ = "0.1.0"
