"""People, where they are needed: routing and calibration, and the round trip through Label Studio."""
