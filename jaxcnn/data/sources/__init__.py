"""Where examples come from: prepared records, TFDS, and folders of pictures."""
