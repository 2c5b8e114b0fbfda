"""Pictures classified and explained, by a run or by published weights."""
