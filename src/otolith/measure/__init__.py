"""Few-shot benchmarks on held-out people, their statistics and their report."""
