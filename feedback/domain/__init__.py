"""What the business means: pure values and rules. No clock, no SQL, no network, no Flask."""
