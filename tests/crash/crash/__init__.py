"""The crash campaign: seeded schedules of faults, and the oracle that counts every offset after each."""
