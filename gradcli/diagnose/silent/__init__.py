"""No gradient, or one that is 0."""
