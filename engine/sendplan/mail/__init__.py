"""Mail: from one order's message to bytes, and an SMTP session in phases."""
