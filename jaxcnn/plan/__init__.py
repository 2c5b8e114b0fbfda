"""What a recipe will need before it is run: memory, time, examples, collectives."""
