"""Into how many parts an array is cut that is worked on part by part."""


def largest_divisor(n: int, limit: int) -> int:
    """Of `n`, at most `limit`, at least 1."""
    return max((k for k in range(1, min(n, limit) + 1) if n % k == 0), default=1)
