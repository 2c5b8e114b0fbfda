"""What command lines share; no other part of the package sees it."""
