"""The test laboratory: a test for each case of OCPP 1.6 that has the central system for its device under test."""
