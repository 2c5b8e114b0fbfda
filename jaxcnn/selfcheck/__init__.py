"""What a machine is asked before its figures are believed: a file per question."""
