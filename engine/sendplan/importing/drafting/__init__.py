"""A first mapping from a look at a file: `import FILE --draft` (docs/mapping.md#draft)."""
