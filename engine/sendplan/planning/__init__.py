"""Planning: orders + rules + now into the send plan; it looks and never acts."""
