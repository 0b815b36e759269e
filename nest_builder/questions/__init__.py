"""Questions about annotated pictures, by rules, and the checks that a question has to pass."""
