"""What was published: the figures, and the claims that are made of them."""
