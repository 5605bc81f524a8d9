"""The site in a box: the far ends of our wires, and time that jumps. Demo, test bench for faults, proof of safety."""
