"""What is behind ``nn.functional`` beside single recorded operations."""
