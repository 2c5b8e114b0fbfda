"""What has XLA compile a GPU's program so that it ends with the same bits each time it runs."""

# Sums whose order the threads' timing decides are made another way, or the program is refused.
OPTIONS: dict[str, str | bool] = {"xla_gpu_exclude_nondeterministic_ops": True}
