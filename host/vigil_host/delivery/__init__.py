"""Who is told of an alarm, when, by which way, and what becomes of it."""
