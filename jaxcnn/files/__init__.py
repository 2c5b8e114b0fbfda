"""Files and JSON that anyone may have written, and the paths that people type."""
