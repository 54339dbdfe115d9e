"""Reading: YAML with places, checked against JSON Schema."""
