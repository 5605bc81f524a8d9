"""The grid meter's edge: reads registers over Modbus and says what flows, or that nothing is known.

It never guesses a current: what cannot be read whole and plausible is no reading at all.
"""
