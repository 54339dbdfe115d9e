"""Simulation: replay or forecast on a virtual clock."""
