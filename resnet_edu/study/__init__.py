"""What the book measures about networks, beyond how well they are trained: a module a question."""
