"""The pytest plugin: a project's scenarios and plan snapshots as tests of their own (docs/python.md#pytest)."""
