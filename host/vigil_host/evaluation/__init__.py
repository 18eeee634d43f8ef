"""How good what the device shows is: errors against a reference, and an SpO2 curve fitted to one."""
