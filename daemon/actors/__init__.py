"""Who does it: one supervisor per partner, which steps the machine and performs its effects."""
