"""What an editor is told: problems, names that fit, what a word means (docs/editors.md#sendplan-lsp)."""
