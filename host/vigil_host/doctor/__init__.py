"""What `vigil doctor` looks at, one finding for each thing it looked at."""
