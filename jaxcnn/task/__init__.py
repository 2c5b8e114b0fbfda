"""What is learned: losses, metrics, and what is done to whole batches on the device."""
