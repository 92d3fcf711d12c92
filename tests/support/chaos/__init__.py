"""The fault campaign: real processes, faults from a seed, and an account of every effect against every intent."""
