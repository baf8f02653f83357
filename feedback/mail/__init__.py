"""The only room that knows e-mail."""
