"""Products, decompositions and solutions of matrices; Fourier transforms."""
