"""What goes over the wire: pure values and functions, no I/O."""
