"""OCPP 1.6 edition 2: its typed messages, their codec, and what their numbers mean."""
