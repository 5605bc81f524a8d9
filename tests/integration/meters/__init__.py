"""The meter's edge against Modbus servers that share no code with it."""
