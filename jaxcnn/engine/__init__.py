"""The compiled part: devices as a mesh, state, steps, optimisers, and the data that they take."""
