"""What goes between an agent and its server: claims, signs of life, reports."""
