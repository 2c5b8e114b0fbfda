"""How fast the models are: our own steps, and timm's in a process beside, timed in turns."""
