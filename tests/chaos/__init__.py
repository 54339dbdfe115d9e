"""The fault suite: real processes on one store against a real mail server, broken in every way (DISPATCH)."""
