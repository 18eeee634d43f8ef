"""What is known of each board, from its `board.toml`: checked, explained, drawn, and made into files and images."""
