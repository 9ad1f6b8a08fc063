"""What a control worker does without being asked: each is a loop that bears with any other of its kind."""
